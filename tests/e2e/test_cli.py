"""`python run.py` as a user types it, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.conf import choices
from tests.support.jobs import losses, results
from tests.support.programs import LIGHT, PROGRAMS
from tests.support.root import ROOT

NO_TENSORFLOW = """
import runpy, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras", "tensorflow_datasets", "tensorboard"):
            raise SystemExit(f"imported {name}")
sys.meta_path.insert(0, Refuse())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python run.py ARGUMENTS` in a folder, in a process that need not import TensorFlow again."""
    return PROGRAMS.run("run.py", *arguments, cwd=cwd, environment=environment)


def run_without_tensorflow(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same in a process in which TensorFlow is not imported, and importing it is an error."""
    return LIGHT.run("-c", NO_TENSORFLOW, str(ROOT / "run.py"), *arguments, cwd=cwd)


def start_python(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python COMMAND` in a folder, as a user starts it."""
    clean = {key: value for key, value in os.environ.items() if key != "TF_CPP_MIN_LOG_LEVEL"} | environment
    command = (sys.executable, *command)
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=clean, check=False)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["--help"],
            ["python run.py resume=RUN_DIR", "model: cnn, conv-catsdogs, mlp", "batch_size: 50", "Exit status"],
        ),
        (["--cfg", "job"], ["batch_size: 50", "_target_: exp.model.mlp.create"]),
        (["--cfg", "job", "model=cnn", "-p", "model"], ["kernel_size: 5"]),
        (["--info", "defaults"], ["model/mlp", "device/all"]),
        (["--shell-completion", "install=bash"], ["hydra_bash_completion"]),
    ],
)
def test_help_and_information_without_tensorflow(tmp_path, arguments, expected):
    done = start_python("-c", NO_TENSORFLOW, str(ROOT / "run.py"), *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in expected:
        assert part in done.stdout
    assert not any(tmp_path.iterdir())


def test_completion_knows_groups_and_choices(tmp_path):
    line = "python run.py device="
    environment = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_CWORD": "2"}
    query = ("--shell-completion", "query=bash")
    done = start_python("-c", NO_TENSORFLOW, str(ROOT / "run.py"), *query, cwd=tmp_path, **environment)
    assert done.stdout.split() == [f"device={choice}" for choice in choices("device")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.batch_size=0"], "data.batch_size=0: must be a whole number above 0"),
        (["data.batch_size=-4"], "data.batch_size=-4: must be a whole number above 0"),
        (["data.batch_size=1e3"], "data.batch_size=1000.0: must be a whole number"),
        (["data.buffer_size=0"], "data.buffer_size=0: must be a whole number above 0"),
        (["data.batch_size=60001"], "data.batch_size=60001: must be at most 60000, the training examples there are"),
        (["data.limit=49"], "data.batch_size=50: must be at most 49"),
        (["optimizer.learning_rate=nan"], "optimizer.learning_rate=nan: must be a finite number above 0"),
        (["data.batchsize=3"], "data.batchsize: there is no such key; did you mean data.batch_size?"),
        (["+data.batchsize=3"], "data.batchsize: there is no such key; did you mean data.batch_size?"),
        (["batch_size=3"], "batch_size: there is no such key; did you mean data.batch_size?"),
        (
            ["optimizer.momentum=0.9"],
            "optimizer.momentum=0.9: the choice made has no such key; optimizer=rmsprop and",
        ),
        (["device.count=2"], "device.count=2: the choice made has no such key; device=virtual has"),
        (["model=cn"], "model=cn: must be one of cnn, conv-catsdogs, mlp; did you mean model=cnn?"),
        (["data=1"], "data=1: "),
        (
            ["data.transforms=[rot91]"],
            "data.transforms[0]=rot91: must be one of rot90, flip, random_flip, random_crop, normalize; with "
            "parameters, {name: NAME, KEY: VALUE}",
        ),
        (
            ["data.transforms=[flip,random_crop]"],
            "data.transforms[1].size: is missing; write {name: random_crop, size: VA",
        ),
        (["data.transforms=[{name:rot90,turns:4}]"], "data.transforms[0].turns=4: must be a whole number of at most 3"),
        (["data.transforms=[{name:rot90,turn:1}]"], "data.transforms[0].turn: there is no such key"),
        (["data.transforms=rot90"], "data.transforms=rot90: must be a list"),
        (
            ["data=cats_vs_dogs", "data.source=web"],
            "data.source=web: must be one of auto, directory, tfds or synthetic",
        ),
        (["data=cats_vs_dogs", "data.dir=absent"], "data.dir=absent: is not a folder; give one that holds train and"),
        (["data=cats_vs_dogs", "data.image_size=0"], "data.image_size=0: must be a whole number of at least 1"),
        (["data=cats_vs_dogs", "data.classes=cats"], "data.classes=cats: must be a list"),
        (["data=cats_vs_dogs", "data.on_bad=ignore"], "data.on_bad=ignore: must be one of stop or skip"),
        (["seed"], "seed: cannot be read; write KEY=VALUE"),
        (["data=[a"], "data=[a: cannot be read"),
        (["exec=eager", "exec.jit_compile=true"], "exec.jit_compile=true: eager makes no graph"),
        (["mode=test"], "mode=test: needs run=RUN_DIR"),
        (["run=somewhere"], "run=somewhere: goes with mode=test"),
        (["mode=test", "run=nowhere"], "run=nowhere: there is no such folder"),
        (["resume=nowhere"], "resume=nowhere: there is no such folder"),
        (["data.source=idx"], "data.dir=None: must be the folder of the IDX files"),
        (["hydra.run.dir=outputs/../../x"], "hydra.run.dir=outputs/../../x: must not lead out of its place"),
        (["checkpoint.name=../x"], "checkpoint.name=../x: must be a plain file name"),
        (["model._target_=os.system"], "model._target_=os.system: not trusted to run"),
        (["+model.x._target_=os.system"], "model.x._target_=os.system: not trusted to run"),
        (["--experimental-rerun", "x.pickle"], "--experimental-rerun: reads a pickle"),
    ],
)
def test_mistakes_get_status_2_and_one_plain_message(tmp_path, arguments, message):
    done = run_without_tensorflow(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["device=subset", "device.indices=[7]"], "device.indices=[7]: there is no GPU 7; this machine has CPU:0"),
        (
            ["device=virtual", "device.memory_limit_mb=512"],
            "device.memory_limit_mb=512: a CPU's memory cannot be limited",
        ),
        (
            ["optimizer._target_=keras.optimizers.Nothing"],
            "optimizer._target_=keras.optimizers.Nothing: cannot be found",
        ),
    ],
)
def test_what_only_tensorflow_knows_gets_status_2_and_leaves_nothing(tmp_path, arguments, message):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_default_run_is_what_the_readme_says(tmp_path):
    done = start_python(str(ROOT / "run.py"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no noise from CUDA, absl or Keras
    (folder,) = (tmp_path / "outputs").glob("*/*")
    assert folder.name.endswith("_mlp_mnist_function_all")
    found = results(folder)
    assert found["status"] == "completed"
    assert found["step"] == 1200
    assert found["examples"] == 60_000
    assert found["test"]["accuracy"] >= 0.95
    assert found["test"]["examples"] == 10_000
    assert found["error"] is None
    assert {name for name, value in found["seconds"].items() if value is None} == set()
    assert found["checkpoint"] == str(folder.relative_to(tmp_path) / "checkpoints" / "ckpt-1200")
    assert sorted(path.name for path in (folder / "checkpoints").glob("*.index")) == [
        "ckpt-1000.index",
        "ckpt-1100.index",
        "ckpt-1200.index",
    ]
    assert {".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml", "manifest.json", "run.log"} <= files(
        folder
    )
    assert len(losses(folder)) == 120
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["data"]["examples"] == {"train": 60_000, "test": 10_000}
    assert manifest["devices"]["used"] == ["CPU:0"]
    for part in ("test accuracy", "outputs/", "mode=test run=", "tensorboard"):
        assert part in done.stdout
    assert "Number of devices: 1" in (folder / "run.log").read_text()


def test_virtual_devices_are_counted(tmp_path):
    done = run("device=virtual", "train.steps=5", "data.limit=1000", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Number of devices: 2 (CPU:0, CPU:1)" in done.stdout


def test_any_number_of_replicas_tests_every_example_once(tmp_path):
    done = run(
        *("device=virtual", "device.count=3", "data.batch_size=64", "train.steps=5", "hydra.run.dir=run"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    found = results(tmp_path / "run")
    assert (found["replicas"], found["test"]["examples"], found["examples"]) == (3, 10_000, 320)


def test_two_runs_at_once_get_two_folders(tmp_path):
    started = [PROGRAMS.start("run.py", "train.steps=3", "data.limit=100", cwd=tmp_path) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    folders = list((tmp_path / "outputs").glob("*/*"))
    assert len(folders) == 2
    assert all(results(folder)["status"] == "completed" for folder in folders)


@pytest.fixture
def long_run(tmp_path):
    """A run that takes minutes, stopped by nothing yet; it is waited for until it has saved a checkpoint."""
    options = ["model=cnn", "train.epochs=50", "checkpoint.every=20", "hydra.run.dir=run"]
    process = PROGRAMS.start("run.py", *options, cwd=tmp_path)
    folder = tmp_path / "run"
    deadline = time.monotonic() + 120
    while not list(folder.glob("checkpoints/ckpt-*.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process, folder
    process.kill()
    process.communicate()


def test_a_second_process_in_a_folder_is_refused(tmp_path, long_run):
    _, folder = long_run
    before = files(folder)
    resumed = run("resume=run", cwd=tmp_path)
    assert resumed.returncode == 2
    assert resumed.stderr == "run: another process is running in this folder\n"
    fresh = run("hydra.run.dir=run", cwd=tmp_path)
    assert fresh.returncode == 2
    assert fresh.stderr == "hydra.run.dir=run: is not empty; take another folder, or resume=run\n"
    assert before <= files(folder)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_and_says_so(tmp_path, long_run, number, status):
    process, folder = long_run
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == status, errors
    found = results(folder)
    assert found["status"] == "interrupted"
    assert found["checkpoint"] == f"run/checkpoints/ckpt-{found['step']}"
    assert f"stopped by a signal after step {found['step']}; saved run/checkpoints/ckpt-{found['step']}" in output
    assert "run.py resume=run" in output


def test_ctrl_c_before_a_run_has_begun_just_ends_it(tmp_path):
    """No handler of Python's is left that would print a traceback."""
    code = (
        "import os, runpy, signal, sys\n"
        "sys.argv = [sys.argv[1], '--help']\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit:\n    os.kill(os.getpid(), signal.SIGINT)\n"
    )
    command = [sys.executable, "-c", code, str(ROOT / "run.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "")


def test_an_interrupted_run_goes_on_in_its_folder_to_the_same_end(tmp_path):
    """Resumed, the weights are those of a run that was never stopped."""
    data = ("train.steps=1000", "data.limit=5000", "summary.every=1", "checkpoint.every=70")
    whole = run(*data, "hydra.run.dir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    process = PROGRAMS.start("run.py", *data, "exec.steps_per_call=1", "hydra.run.dir=stopped", cwd=tmp_path)
    folder = tmp_path / "stopped"
    while not list(folder.glob("checkpoints/ckpt-*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()  # not even a signal handler runs
    process.wait()
    assert not (folder / "results.json").exists()
    resumed = run("resume=stopped", cwd=tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert "restored stopped/checkpoints/ckpt-" in resumed.stdout
    assert results(folder)["weights_sha256"] == results(tmp_path / "whole")["weights_sha256"]
    assert losses(folder) == losses(tmp_path / "whole")
    assert len(losses(folder)) == 1000
    again = run("resume=stopped", cwd=tmp_path)
    assert again.returncode == 0
    assert "this run is completed; nothing is left to do" in again.stdout


def test_only_how_a_test_is_executed_can_be_given_anew(tmp_path):
    assert run("train.steps=3", "data.limit=100", "hydra.run.dir=run", cwd=tmp_path).returncode == 0
    refused = run("mode=test", "run=run", "model.hidden=3", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("model.hidden=3: a test has the config of its run")
    refused = run("resume=run", "seed=3", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("resume=run: goes on with the run's own config; leave out seed=3")


def test_a_run_from_elsewhere_cannot_trust_itself(tmp_path):
    assert run("train.steps=3", "data.limit=100", "hydra.run.dir=run", cwd=tmp_path).returncode == 0
    path = tmp_path / "run" / ".hydra" / "config.yaml"
    text = path.read_text().replace("trusted_targets: []", "trusted_targets: ['os.']")
    path.write_text(text.replace("exp.model.mlp.create", "os.system"))
    done = run_without_tensorflow("mode=test", "run=run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("model._target_=os.system: not trusted to run")


def test_divergence_is_named(tmp_path):
    done = run("optimizer=sgd", "optimizer.learning_rate=1e30", "train.steps=50", "hydra.run.dir=run", cwd=tmp_path)
    assert done.returncode == 1
    found = results(tmp_path / "run")
    assert found["status"] == "diverged"
    assert found["error"].startswith("the loss of step ")
    assert found["error"] in done.stdout
    assert "last good checkpoint" in done.stdout
    assert found["test"] == {"loss": None, "accuracy": None, "examples": None}


def test_our_own_failure_leaves_a_traceback_in_the_log(tmp_path):
    package = tmp_path / "broken.py"
    package.write_text(
        "def create(*, input_shape, classes):\n"
        "    import keras\n"
        "    class Broken(keras.layers.Dense):\n"
        "        def call(self, x, training=None):\n"
        "            if training: raise RuntimeError('broken on purpose')\n"
        "            return super().call(x)\n"
        "    return keras.Sequential([keras.layers.Flatten(), Broken(classes)])\n"
    )
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "model").mkdir()
    (tmp_path / "conf" / "model" / "broken.yaml").write_text("_target_: broken.create\n")
    done = run(
        *("--config-dir", "conf", "model=broken", "trusted_targets=[broken.]", "train.steps=3", "hydra.run.dir=run"),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path),
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "broken on purpose" in done.stdout
    found = results(tmp_path / "run")
    assert found["status"] == "failed"
    assert "broken on purpose" in found["error"]
    log = (tmp_path / "run" / "run.log").read_text()
    assert "Traceback" in log
    assert "RuntimeError" in log
