"""Imported once by the fork server, for all jobs. Nothing here computes: each job sets up its own devices."""

import contextlib
import importlib
import importlib.metadata
import os
import threading
from pathlib import Path

from exp.data.read_ahead import wait_for_data
from exp.system.compiled_steps import tensorflow_build
from exp.system.provenance import own_state
from exp.system.safe_path import forget_safe_path
from exp.system.tensorflow import import_tensorflow, native_messages_to, no_garbage

WHILE_A_JOB_RUNS = (
    "exp.cli.do_job",
    "exp.cli.main",
    "exp.distributed.devices",
    "exp.exec.eager",
    "exp.exec.fit",
    "exp.exec.function",
    "exp.exec.ordered_sums",
    "exp.exec.penalties",
    "exp.exec.probe",
    "exp.exec.session",
    "exp.exec.xla",
    "exp.loggers.folder_loggers",
    "exp.loggers.tensorboard",
    "exp.model",
    "exp.model.cnn",
    "exp.model.layers",
    "exp.model.mlp",
    "exp.optimizer.fused_adam",
    "exp.run.evaluate",
    "exp.run.initial_state",
    "exp.run.make_recipe",
    "exp.run.own_functions",
    "exp.run.own_trial",
    "exp.run.rewind",
    "exp.run.tested",
    "exp.run.train",
    "exp.sweep.job_process",
    "numpy.random",
    "tensorboard.compat.tensorflow_stub.io.gfile",
    "tensorboard.plugins.histogram.summary_v2",
    "tensorboard.plugins.hparams.api_pb2",
    "tensorboard.plugins.text.summary_v2",
    "tensorflow.python.data.ops.range_op",
    "tensorflow.python.data.ops.take_op",
    "tensorflow.python.data.ops.unbatch_op",
    "tensorflow.python.data.ops.zip_op",
)
"""What a job would import by itself, on its way: a tenth of a second."""

# What is imported here stays for good. A job's own garbage collections (Keras makes one) need not walk through it,
# and do not copy its memory.
with no_garbage():
    code = threading.Thread(target=own_state)
    code.start()
    with native_messages_to(Path(os.devnull)):
        import_tensorflow()
    for name in WHILE_A_JOB_RUNS:
        importlib.import_module(name)
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        tensorflow_build()
    # No thread is left when the first job is forked.
    code.join()
    wait_for_data()
    forget_safe_path()
