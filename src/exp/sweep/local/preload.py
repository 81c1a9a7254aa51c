"""Imported once by the fork server, for all jobs. Nothing here computes: each job sets up its own devices."""

import gc
import os
from pathlib import Path

from exp.system.safe_path import forget_safe_path
from exp.system.tensorflow import import_tensorflow, native_messages_to

with native_messages_to(Path(os.devnull)):
    import_tensorflow()

import exp.cli.do_job
import exp.cli.main
import exp.distributed.devices
import exp.exec.eager
import exp.exec.fit
import exp.exec.function
import exp.exec.session
import exp.run.evaluate
import exp.run.initial_state
import exp.run.train
import exp.sweep.job_process  # noqa: F401

forget_safe_path()

# What is imported by now stays for good. A job's own garbage collections (Keras makes one) need not walk through it,
# and do not copy its memory.
gc.collect()
gc.freeze()
