"""Whatever a command line makes Hydra and OmegaConf raise becomes a sentence; our own errors do not."""

import subprocess
import sys

import pytest

from exp.cli.main import options_first, raised_by_hydra
from exp.errors import UserError
from tests.support.tried import problem

LONG = "a" * 5000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "device.threads='a,b'"], "device.threads=a,b: must be a whole number"),
        (["-m", f"hydra.sweep.dir={LONG}"], "hydra.sweep.dir=aaa"),
        ([f"hydra.run.dir={LONG}"], "hydra.run.dir=aaa"),
        ([f"resume={LONG}"], "resume=aaa"),
        (["mode=test", f"run={LONG}"], "run=aaa"),
        (["data=cats_vs_dogs", f"data.dir={LONG}"], "data.dir=aaa"),
        (["data.source=idx", f"data.dir={LONG}"], "data.dir=aaa"),
        (
            ["experiment=[normalize,{name: random_crop}]"],
            "experiment=[normalize,{name: random_crop}]: must be the name of",
        ),
        (["+device=[[[]]]"], "+device=[[[]]]: must be the name of one choice, such as device=all"),
        (["experiment=null", "seed=${nope}"], "experiment=null: must be the name of one choice"),
        (["device=null"], "device=null: must be the name of one choice, such as device=all"),
        (["-m", "~device", "seed=1,2"], "~device: "),
        (['hydra.run.dir=${oc.decode:"["}'], "hydra.run.dir=${oc.decode"),
        (["hydra.sweeper.params=${oc.env:NOPE}"], "hydra.sweeper.params=${oc.env:NOPE}: "),
        (["-m", "hydra.sweeper.params=3", "seed=1,2"], "hydra.sweeper.params=3 seed=1,2: "),
        (["hydra.mode=${nope}"], "hydra.mode=${nope}: Interpolation key 'nope' not found"),
        (["hydra.job_logging=${seed}"], "hydra.job_logging=0: must be a group of keys"),
        (["hydra.job_logging={root: 1, version: 1}"], "hydra.job_logging={root: 1, version: 1}: "),
        (["seed=3", "hydra.verbose=-1"], "hydra.verbose=-1: "),
        (["hydra.run=null"], "hydra.run=null: "),
        (["seed=${seed}"], "seed=${seed}: "),
        (
            ["-m", "hydra/launcher=slurm", "hydra.launcher.memory_gb=[1]"],
            "hydra.launcher.memory_gb=[1]: must be a number",
        ),
        (["-m", "hydra/launcher=slurm", "hydra.launcher.sbatch=3"], "hydra.launcher.sbatch=3: must be a group of keys"),
        (["-m", "seed=range(1000000000)"], "the sweep would have 1,000,000,000 jobs, and 100,000 are the most"),
        (["--nope"], "unrecognized arguments: --nope; `python run.py --help` lists the options"),
        (["--info", "nope"], "argument --info/-i: invalid choice"),
        (["--cfg", "job", "-p", "nope"], "package 'nope' not found in config"),
        (["--config-name", "nope"], "nope: Cannot find primary config"),
        (["-m", "--cfg", "job"], "-m --cfg: "),
        (
            ["data.batch_size=32,64"],
            "data.batch_size=32,64: stands for several values; to sweep over them, add -m; for one list, write",
        ),
        (["model=cnn,mlp"], "model=cnn,mlp: stands for several values; to sweep over them, add -m"),
        (
            ["experiment=cnn-two-replicas,no-shuffle"],
            "experiment=cnn-two-replicas,no-shuffle: stands for several values",
        ),
        (["seed=range(3)"], "seed=range(3): stands for several values; to sweep over them, add -m"),
        (["seed=choice(1,2)"], "seed=choice(1,2): stands for several values; to sweep over them, add -m"),
        (["model=glob(*)"], "model=glob(*): stands for several values; to sweep over them, add -m"),
        (["optimizer.learning_rate=interval(0,1)"], "optimizer.learning_rate=interval(0,1): stands for several values"),
        (["-m", "optimizer.learning_rate=interval(0,1)"], "optimizer.learning_rate=interval(0,1): an interval needs a"),
        (["resume=nope"], "resume=nope: there is no such folder"),
        (["mode=test", "run=nope"], "run=nope: there is no such folder"),
        (
            ["task.step._target_=my.step"],
            "task.step._target_=my.step: there is no node yet whose target it could be; write 'task.step={_target_: my",
        ),
        (
            ["task=regression", "task.loss={_target_: keras.losses.Huber, delta: 2}"],
            "task.loss={_target_: keras.losses.Huber, delta: 2}: task.loss lacks some of these keys; to give it new",
        ),
        (["hooks=3"], "hooks=3: must be a list, each element of which is a node with a function of your own"),
        (
            ["hooks=[{every: 3}]"],
            "hooks[0]={'every': 3}: must be a node with a function of your own and a number of st",
        ),
        (["hooks=[{_target_: exp.model.mlp.create, every: 0}]"], "hooks[0].every=0: must be a node with a function"),
        (["~model.units"], "~model.units: there is no such key, or it is null already"),
        (["data.source='a\nb'"], "data.source=a b: must be one of"),
        (["data.source=\x1b[31m"], "data.source=\\x1b[31m: "),
    ],
)
def test_a_sentence_names_the_key_and_what_is_wrong(tried, arguments, message):
    done = tried.outcome(arguments)
    assert problem(done) is None, done
    assert done["status"] == 2
    assert done["errors"].startswith(message)
    assert done["errors"].count("\n") == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("optimizer.lr=0.1", "optimizer.lr: there is no such key; did you mean optimizer.learning_rate?"),
        ("lr=0.1", "lr: there is no such key; did you mean optimizer.learning_rate?"),
        ("learning_rate=0.1", "learning_rate: there is no such key; did you mean optimizer.learning_rate?"),
        ("data.bs=3", "data.bs: there is no such key; did you mean data.batch_size?"),
        ("bs=3", "bs: there is no such key; did you mean data.batch_size?"),
        ("train.batch_size=3", "train.batch_size: there is no such key; did you mean data.batch_size?"),
        ("epochs=3", "epochs: there is no such key; did you mean train.epochs?"),
        ("steps=3", "steps: there is no such key; did you mean train.steps?"),
        ("model.units=3", "model.units: there is no such key; did you mean model.hidden?"),
        ("+model.units=3", "model.units: there is no such key; did you mean model.hidden?"),
        ("output_dir=x", "output_dir: there is no such key; did you mean hydra.run.dir?"),
        ("+optimizer.clipnorm=1", "optimizer.clipnorm: this optimizer has no such key; Keras's own Adam and SGD have:"),
        (
            "optimizer.use_ema=true",
            "optimizer.use_ema: Keras puts the averages into the model only at the end of its own fit",
        ),
        (
            "optimizer=nadam",
            "optimizer=nadam: must be one of adam, adamw, lion, rmsprop, sgd; Keras has it: "
            "optimizer._target_=keras.optimizers.Nadam",
        ),
        (
            "optimizer=Adafactor",
            "optimizer=Adafactor: must be one of adam, adamw, lion, rmsprop, sgd; Keras has it: optimizer=sgd ~opt",
        ),
        (
            "optimizer=RMSProp",
            "optimizer=RMSProp: must be one of adam, adamw, lion, rmsprop, sgd; did you mean",
        ),
        ("optimizer=SGD", "optimizer=SGD: must be one of adam, adamw, lion, rmsprop, sgd; did you mean optimizer=sgd?"),
        ("exec=graph", "exec=graph: must be one of eager, fit, function, session; did you mean exec=function?"),
        ("device=gpu", "device=gpu: must be one of all, subset, virtual, workers; did you mean device=all, which"),
        (
            "device=cpu",
            "device=cpu: must be one of all, subset, virtual, workers; did you mean device=subset device.kind",
        ),
        ("model=CNN", "model=CNN: must be one of cnn, conv-catsdogs, mlp; did you mean model=cnn?"),
        ("model=convnet", "model=convnet: must be one of cnn, conv-catsdogs, mlp; did you mean model=cnn?"),
        ("data=MNIST", "data=MNIST: must be one of arrays, cats_vs_dogs, mnist; did you mean data=mnist?"),
    ],
)
def test_names_of_the_field_are_known(tried, given, message):
    done = tried.outcome([given])
    assert (problem(done), done["status"]) == (None, 2)
    assert done["errors"].startswith(message)


def test_choices_of_ones_own_folder_are_among_those_there_are(tried, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "mine.yaml").write_text("_target_: my.create\n")
    done = tried.outcome(["--config-dir", str(tmp_path), "model=mne"])
    assert done["errors"] == "model=mne: must be one of cnn, conv-catsdogs, mine, mlp; did you mean model=mine?\n"


@pytest.mark.parametrize("choice", ["data=mine", "data._target_=my.load"])
def test_a_key_for_a_function_of_ones_own_needs_a_plus(tried, tmp_path, choice):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.yaml").write_text("_target_: my.load\n")
    done = tried.outcome(["--config-dir", str(tmp_path), choice, "data.digits=[1]"])
    assert done["errors"] == (
        f"data.digits=[1]: {choice} has no such key; if your function takes it, write +data.digits=[1]\n"
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["seed=1,2", "-m", "model=cnn"], ["-m", "seed=1,2", "model=cnn"]),
        (["model=mine", "--config-dir", "conf", "seed=1"], ["--config-dir", "conf", "model=mine", "seed=1"]),
        (["seed=1", "--info", "defaults", "a=b"], ["--info", "defaults", "seed=1", "a=b"]),
        (["seed=1", "--info", "a=b", "--config-dir=x"], ["--info", "--config-dir=x", "seed=1", "a=b"]),
        (["seed=1", "model=cnn"], ["seed=1", "model=cnn"]),
        ([], []),
    ],
)
def test_options_may_stand_anywhere(given, expected):
    assert options_first(given) == expected


def test_arguments_that_are_no_text_are_refused(tried):
    done = tried.outcome(["seed=1", "data.dir=\udcff"])
    assert (done["status"], done["errors"]) == (2, "'data.dir=\\udcff': is not UTF-8 text\n")


def raised(module: str, cause: BaseException | None = None) -> BaseException:
    """An error that a module of this name raises."""
    code = "def fail(cause):\n    raise RuntimeError('wrong') from cause\n"
    names = {"__name__": module}
    exec(code, names)
    with pytest.raises(RuntimeError) as caught:
        names["fail"](cause)
    return caught.value


def test_only_what_hydra_raises_is_the_users():
    assert raised_by_hydra(raised("omegaconf.base"))
    assert raised_by_hydra(raised("hydra.core.utils", cause=UserError("a sentence")))
    assert not raised_by_hydra(raised("exp.cli.make_request"))
    assert not raised_by_hydra(raised("hydra_plugins.exp_sweep"))
    assert not raised_by_hydra(raised("hydra._internal.utils", cause=raised("exp.sweep.local.backend")))
    assert not raised_by_hydra(raised("tensorflow.python"))


def test_a_bug_of_ours_shows_its_traceback(tmp_path):
    program = (
        "import sys\nimport exp.cli.make_request\nfrom exp.cli.main import main\n"
        "def bug(*_):\n    return [].absent\n"
        "exp.cli.make_request.check = bug\nsys.argv = ['run.py']\nsys.exit(main())\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "AttributeError: 'list' object has no attribute 'absent'" in done.stderr
