"""The wheel in an environment of its own, with nothing of the repository on the path: the command `exp` is all."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exp import __version__
from exp.system.provenance import git_state
from exp.terminal.commands import COMMANDS
from tests.support.jobs import results
from tests.support.root import ROOT

QUICK = ["train.steps=10", "data.limit=500", "summary.images=false", "exec.jit_compile=false"]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and a folder to work in."""

    environment: Path
    folder: Path

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """What a shell makes of a line after `source .../bin/activate`."""
        path = f"{self.environment / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin"
        clean = {"PATH": path, "HOME": str(self.folder), "TF_CPP_MIN_LOG_LEVEL": "2"}
        return subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=clean, capture_output=True, text=True, check=False
        )

    def succeeds(self, line: str) -> str:
        """The output of a line that ends well."""
        done = self.shell(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Iterator[Installed]:
    """The wheel is built and installed as a user does it, with all that it asks for, in the locked versions."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place / "wheel", ROOT], check=True)
    environment = place / "env"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    (wheel,) = (place / "wheel").glob("*.whl")
    locks = [option for name in ("requirements", "requirements-dev") for option in ("-c", ROOT / f"{name}.lock")]
    install = [environment / "bin" / "python", "-m", "pip", "install", "-q", wheel, "pytest", *locks]
    subprocess.run(install, check=True)
    (place / "work").mkdir()
    yield Installed(environment, place / "work")
    os.spawnlp(os.P_NOWAIT, "rm", "rm", "-rf", str(environment))  # two gigabytes, which nobody has to wait for


def printed(output: str, what: str) -> str:
    """The command that stands after some words."""
    (line,) = re.findall(rf"^{what}: +(.+)$", output, flags=re.MULTILINE)
    return str(line)


def test_the_program_says_what_it_is_without_tensorflow(installed):
    where = installed.succeeds("python -c 'import exp; print(exp.__file__)'").strip()
    assert Path(where).is_relative_to(installed.environment)
    assert installed.succeeds("exp --version") == f"exp {__version__}\n"
    usage = installed.succeeds("exp --help")
    assert "\n  exp [GROUP=CHOICE | KEY=VALUE]..." in usage
    assert "run.py" not in usage
    for command in COMMANDS:
        shown = installed.succeeds(f"exp {command} --help")
        assert shown.startswith(f"usage: exp {command} ")
        assert "scripts/" not in shown
    wrong = installed.shell("exp model.hiden=3")
    assert (wrong.returncode, wrong.stderr.startswith("model.hiden: there is no such key")) == (2, True)


def test_a_run_and_every_command_that_it_prints(installed):
    output = installed.succeeds(f"exp {' '.join(QUICK)} hydra.run.dir=outputs/run")
    assert results(installed.folder / "outputs" / "run")["status"] == "completed"
    again = printed(output, "test again")
    assert again == "exp mode=test run=outputs/run"
    assert "test: completed" in installed.succeeds(again)
    assert "nothing is left to do" in installed.succeeds("exp resume=outputs/run")
    assert "the same" in installed.succeeds("exp reproduce outputs/run")
    installed.succeeds("exp export outputs/run")
    assert (installed.folder / "outputs" / "run" / "export").is_dir()
    taken = installed.shell("exp hydra.run.dir=outputs/run")
    assert (taken.returncode, "resume=outputs/run" in taken.stderr) == (2, True)


def test_a_run_tells_the_version_and_the_commit_of_the_program(installed):
    manifest = json.loads((installed.folder / "outputs" / "run" / "manifest.json").read_text())
    state = git_state(ROOT)
    assert (manifest["exp"], manifest["git"], manifest["code"]) == (__version__, None, {})
    assert str(manifest["exp_commit"]).removesuffix("+changes") == (state or {"commit": "None"})["commit"]
    assert f"exp=={__version__}" in (installed.folder / "outputs" / "run" / "packages.txt").read_text()


def test_a_sweep_and_its_comparison(installed):
    rates = "optimizer.learning_rate=0.001,0.01 seed=0,1"
    output = installed.succeeds(f"exp -m {' '.join(QUICK)} {rates} hydra.sweep.dir=outputs/sweep")
    ledger = json.loads((installed.folder / "outputs" / "sweep" / "sweep.json").read_text())
    assert [job["status"] for job in ledger["jobs"]] == ["completed"] * 4
    compare = printed(output, "compare")
    assert compare.startswith("exp compare outputs/sweep ")
    assert "learning_rate" in installed.succeeds(compare)
    verdict = json.loads(installed.succeeds("exp compare outputs/sweep --against optimizer.learning_rate=0.001 --json"))
    command = verdict["comparisons"][0]["next_command"]
    assert command is None or command.startswith("exp -m ")
    installed.succeeds("exp report outputs/sweep --against optimizer.learning_rate=0.001 -o report.html")
    assert "every figure is as 4 run folders say" in installed.succeeds("exp report --verify report.html")


def test_the_other_commands(installed):
    assert "CPU:0" in installed.succeeds("exp devices")
    assert "batches.png" in installed.succeeds("exp data")
    assert "workers" in installed.succeeds("exp workers")


@pytest.fixture(scope="module")
def demo(installed) -> Installed:
    """A new project."""
    assert installed.succeeds("exp new demo-1") == "made demo-1; next: cd demo-1 && exp\n"
    return Installed(installed.environment, installed.folder / "demo-1")


def test_a_new_project_runs_at_once(demo):
    output = demo.succeeds("exp train.steps=20 hydra.run.dir=outputs/run")
    assert "waves" in output
    config = (demo.folder / "outputs" / "run" / ".hydra" / "config.yaml").read_text()
    assert "_target_: demo_1.model.waves" in config
    again = printed(output, "test again")
    assert again == "exp mode=test run=outputs/run"
    assert "test: completed" in demo.succeeds(again)
    assert "test: completed" in demo.succeeds(f"cd tests && {again.replace('outputs', '../outputs')}")
    demo.succeeds("exp resume=outputs/run train.steps=30")
    demo.succeeds("exp reproduce outputs/run")
    demo.succeeds("exp export outputs/run")
    demo.succeeds("python -m pytest -q -p no:cacheprovider")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("exp comp", ["compare"]),
        ("exp re", ["report", "reproduce", "resume="]),
        ("exp model=w", ["model=waves"]),
        ("exp model=waves model.f", ["model.filters=", "model.frozen."]),
        ("exp compare pypr", ["pyproject.toml"]),
    ],
)
def test_a_shell_completes_commands_and_keys(demo, line, offered):
    word = len(line.split()) - 1
    asked = f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_CWORD={word} hydra_bash_completion"
    script = f'eval "$(exp -sc install=bash)"; {asked}; echo "${{COMPREPLY[@]}}"'
    assert demo.succeeds(f"bash -c {shlex.quote(script)}").split() == offered


def test_a_run_of_a_project_is_not_trusted_elsewhere(demo):
    for line in (
        "exp mode=test run=RUN",
        "exp resume=RUN train.steps=40",
        "exp export RUN --to x",
        "exp reproduce RUN",
    ):
        refused = demo.shell(f"cd .. && {line.replace('RUN', 'demo-1/outputs/run')}")
        assert refused.returncode == 2, refused.stderr
        assert "not trusted to run" in refused.stderr
        remedy = refused.stderr.rpartition("; or stand in the run's own project: ")[2].strip()
        assert remedy == f"cd {demo.folder}"


def test_a_new_project_sweeps(demo):
    output = demo.succeeds("exp -m model=waves,mlp seed=0,1 train.steps=10 hydra.sweep.dir=outputs/sweep")
    assert "4 of 4 jobs completed" in output
    assert "model=waves" in demo.succeeds("exp compare outputs/sweep --against model=mlp")


def test_annotations_of_a_projects_code_are_checked_before_anything_is_made(demo):
    before = sorted((demo.folder / "outputs").rglob("*"))
    wrong = demo.shell("python -X importtime $(command -v exp) model.filters=many")
    told = [line for line in wrong.stderr.splitlines() if not line.startswith("import time:")]
    assert (wrong.returncode, told) == (2, ["model.filters=many: must be a whole number"])
    assert "demo_1.model" not in wrong.stderr
    assert "tensorflow" not in wrong.stderr
    swept = demo.shell("exp -m model.filters=2,many,3 seed=0,1 hydra.sweep.dir=outputs/wrong")
    assert (swept.returncode, swept.stderr) == (
        2,
        "model.filters=many seed=0: model.filters=many: must be a whole number\n"
        "model.filters=many seed=1: model.filters=many: must be a whole number\n"
        "2 of 6 jobs cannot be, and none was started\n",
    )
    assert sorted((demo.folder / "outputs").rglob("*")) == before


def test_a_mistake_in_a_projects_code_is_named_with_its_line(demo):
    module = demo.folder / "demo_1" / "model.py"
    source = module.read_text()
    number = next(n for n, line in enumerate(source.splitlines(), 1) if "layers.Dense(classes)" in line)
    module.write_text(source.replace("layers.Dense(classes)", "layers.Dense(clases)"))
    wrong = demo.shell("exp hydra.run.dir=outputs/broken")
    module.write_text(source)
    assert (wrong.returncode, wrong.stderr.splitlines(keepends=True)[-1]) == (  # TensorFlow's own notes come first
        2,
        "model._target_=demo_1.model.waves: NameError: name 'clases' is not defined "
        f"(demo_1/model.py, line {number}, in waves); the traceback is in outputs/broken/run.log\n",
    )
    assert "Traceback (most recent call last)" in (demo.folder / "outputs" / "broken" / "run.log").read_text()


def test_models_of_one_module_have_the_names_of_their_choices(demo):
    thin = demo.folder / "conf" / "model" / "thin.yaml"
    thin.write_text("_target_: demo_1.model.waves\nfilters: 4\n")
    demo.succeeds("exp -m model=thin,waves train.steps=10 hydra.sweep.dir=outputs/names")
    ledger = json.loads((demo.folder / "outputs" / "names" / "sweep.json").read_text())
    assert [job["name"] for job in ledger["jobs"]] == ["thin", "waves"]
    table = demo.succeeds("exp compare outputs/names --sort model")
    assert re.findall(r"^\W*(thin|waves)\b", table, flags=re.MULTILINE) == ["thin", "waves"]
    assert "_target_" not in table
    stored = json.loads((demo.folder / "outputs" / "names" / "thin" / "manifest.json").read_text())
    assert stored["choices"] == {
        "model": "thin",
        "data": "waves",
        "task": "classification",
        "exec": "function",
        "device": "all",
        "optimizer": "adam",
        "schedule": "constant",
    }
    tested = demo.succeeds("exp mode=test run=outputs/names/thin exec=eager")
    assert "_thin_waves_eager_all_test\n" in f"{tested}\n"
    demo.succeeds("exp resume=outputs/names/thin train.steps=12")
    resumed = json.loads((demo.folder / "outputs" / "names" / "thin" / "manifest.json").read_text())
    assert resumed["choices"] == stored["choices"]
    assert "_thin_waves_function_all_reproduced" in demo.succeeds("exp reproduce outputs/names/thin")
    changed = demo.succeeds(
        "exp model=thin '~model.filters' model._target_=exp.model.mlp.create +model.hidden=3 train.steps=2"
    )
    assert "_mlp_waves_function_all\n" in changed  # what it is, and not what was chosen
    thin.unlink()


def test_a_projects_configuration_is_laid_over_ours(demo):
    conf = demo.folder / "conf"
    shown = demo.succeeds("exp experiment=wide --cfg job")
    assert "filters: 32" in shown
    assert "learning_rate: 0.01" in shown
    (conf / "model" / "mlp.yaml").write_text("_target_: exp.model.mlp.create\nhidden: 7\n")
    assert "hidden: 7" in demo.succeeds("exp model=mlp --cfg job")
    (conf / "model" / "mlp.yaml").unlink()
    wrong = demo.shell("exp model.filtres=3")
    assert (wrong.returncode, wrong.stderr.startswith("model.filtres: there is no such key; did you mean")) == (2, True)
    (conf / "config.yaml").write_text((conf / "config.yaml").read_text() + "  nope: 3\n")
    wrong = demo.shell("exp")
    assert (wrong.returncode, "train.nope: there is no such key" in wrong.stderr) == (2, True)
    wrong = demo.shell("exp model=wavs")
    assert wrong.stderr.startswith(
        "model=wavs: must be one of cnn, conv-catsdogs, mlp, waves; did you mean model=waves?"
    )
    (conf / "config.yaml").write_text("train: {steps: 3}\n")
    assert "steps: 3" in demo.succeeds("exp --cfg job")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("trusted = 3", "[tool.exp] trusted: must be a list of packages"),
        ('trusted = ["os."]', "[tool.exp] trusted: must be a list of packages"),
        ('trusted = ["demo."]\ntrust = 3', "[tool.exp] trust: is no such key"),
        ("trusted = [", "pyproject.toml: cannot be read as TOML"),
        ('trusted = ["demo."]', "wrong/conf: must be a folder"),
    ],
)
def test_wrong_settings_of_a_project_are_named(installed, settings, said):
    folder = installed.folder / "wrong"
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text(f"[tool.exp]\n{settings}\n")
    for command in ("exp --cfg job", "exp data"):
        refused = installed.shell(f"cd wrong && {command}")
        assert (refused.returncode, said in refused.stderr, "Traceback" in refused.stderr) == (2, True, False)


@pytest.mark.parametrize("name", ["os", "1a", "exp", "a.b", "work/../x y", "numpy", "tests", "class"])
def test_names_that_no_package_can_have_are_refused(installed, name):
    refused = installed.shell(f"exp new '{name}'")
    assert (refused.returncode, refused.stderr.partition(" ")[0]) == (2, "NAME")


def test_a_new_project_overwrites_nothing(installed):
    (installed.folder / "mine").mkdir()
    refused = installed.shell("exp new mine")
    assert (refused.returncode, refused.stderr) == (2, "NAME mine: is there already; take another name\n")


def test_a_projects_files_that_cannot_be_read_are_named(installed):
    installed.succeeds("exp new MYNAME")
    folder = installed.folder / "MYNAME"
    assert "_target_: MYNAME.model.waves" in installed.succeeds("cd MYNAME && exp --cfg job")
    path = folder / "conf" / "config.yaml"
    for text, said in (
        ("train: {steps: 3", "conf/config.yaml: line 2, cannot be read ("),
        ("- 1", "conf/config.yaml: must be keys with values"),
        ("# @package train\nsteps: 3", "conf/config.yaml: changes defaults of all groups, and has no @package"),
        ("defaults: [override /foo: x]", "conf/config.yaml: Could not override 'foo'"),
    ):
        path.write_text(text + "\n")
        refused = installed.shell("cd MYNAME && exp")
        assert (refused.returncode, said in refused.stderr, refused.stderr.count("\n")) == (2, True, 1), refused.stderr


def test_a_run_folder_is_no_project(installed):
    folder = installed.folder / "stranger"
    folder.mkdir()
    (folder / "manifest.json").write_text("{}")
    (folder / "pyproject.toml").write_text('[tool.exp]\ntrusted = ["evil."]\n')
    (folder / "rich.py").write_text("print('EVIL')\n")
    assert "EVIL" not in installed.succeeds("cd stranger && exp --cfg job && exp devices")
    few = "train.steps=2 data.limit=100 summary.images=false"
    swept = installed.succeeds(f"cd stranger && exp -m {few} seed=0,1 hydra.sweep.dir={installed.folder / 'swept'}")
    assert "EVIL" not in swept


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a file away")
def test_a_project_of_another_user_is_believed_if_that_is_said(installed):
    installed.succeeds("exp new theirs")
    os.chown(installed.folder / "theirs" / "pyproject.toml", 65534, -1)
    refused = installed.shell("cd theirs && exp --cfg job")
    assert (refused.returncode, "belongs to another user" in refused.stderr) == (2, True)
    variable = refused.stderr.strip().rpartition(" set ")[2]
    assert "theirs.model.waves" in installed.succeeds(f"cd theirs && {variable} exp --cfg job")


def test_no_other_program_of_hydra_is_changed(installed):
    folder = installed.folder / "foreign"
    (folder / "conf").mkdir(parents=True)
    (folder / "conf" / "config.yaml").write_text("defaults: [project, _self_]\n")
    (folder / "conf" / "project.yaml").write_text("title: mine\n")
    (folder / "app.py").write_text(
        "import hydra\n"
        "@hydra.main(version_base=None, config_path='conf', config_name='config')\n"
        "def main(config):\n    print(config)\n"
        "main()\n"
    )
    assert installed.succeeds("python foreign/app.py").startswith("{'title': 'mine'}")


def test_what_is_trusted_on_the_command_line_is_added(demo):
    (demo.folder / "conf" / "config.yaml").write_text("defaults: [override /model: waves, override /data: waves]\n")
    output = demo.succeeds("exp train.steps=3 'trusted_targets=[other.]' hydra.run.dir=outputs/other")
    assert "test: completed" in demo.succeeds(printed(output, "test again"))


def test_a_command_is_printed_where_it_means_the_same(demo):
    line = "exp -m optimizer.learning_rate=0.001,0.002 train.steps=3 hydra.sweep.dir=outputs/rates"
    demo.succeeds(line)
    asked = "exp compare outputs/rates --against optimizer.learning_rate=0.001 --json"
    inside = json.loads(demo.succeeds(asked))["comparisons"][0]
    outside = json.loads(demo.succeeds(f"cd .. && {asked.replace('outputs', 'demo-1/outputs')}"))["comparisons"][0]
    assert inside["next_command"].startswith("exp -m ")
    assert outside["next_command"] is None


def test_a_project_of_the_repository_gives_the_same_weights_elsewhere(installed, tmp_path):
    """By its own command, with the wheel alone; and as a project that says whom it trusts."""
    ours = ROOT / "examples" / "projects" / "regression"
    moved = installed.folder / "moved"
    shutil.copytree(ours, moved, ignore=shutil.ignore_patterns("__pycache__"))
    options = "data=throws model=net task=regression train.epochs=2 device.threads=2"
    there = f"{sys.executable} {ROOT / 'run.py'} --config-dir={ours / 'conf'} trusted_targets=[throws.] {options}"
    environment = {**os.environ, "PYTHONPATH": str(ours)}
    subprocess.run(
        [*there.split(), "hydra.run.dir=run"], cwd=tmp_path, env=environment, check=True, capture_output=True
    )
    installed.succeeds(
        f"cd moved && PYTHONPATH=. exp --config-dir=conf 'trusted_targets=[throws.]' {options} hydra.run.dir=old"
    )
    (moved / "pyproject.toml").write_text('[tool.exp]\ntrusted = ["throws."]\n')
    installed.succeeds(f"cd moved && exp {options} hydra.run.dir=new")
    digests = [results(run)["weights_sha256"] for run in (tmp_path / "run", moved / "old", moved / "new")]
    assert digests[0] is not None
    assert digests == [digests[0]] * 3
    reproduced = installed.shell("cd moved && exp reproduce new")
    assert reproduced.returncode == 0, reproduced.stdout + reproduced.stderr
    assert "is reproduced by" in reproduced.stdout


PRINTED = re.compile(r"(?:^|[;:] +)((?:exp|tensorboard|cd|\S+/python -m) [^;\n]+)$", flags=re.MULTILINE)


def test_every_command_that_is_printed_can_be_pasted(installed):
    """From a new project on: each line that tells a command is run where it was printed, and so are its own."""
    first = PRINTED.findall(installed.succeeds("exp new walk"))
    assert first == ["cd walk && exp"]
    walk = Installed(installed.environment, installed.folder / "walk")
    few = "train.steps=10 data.limit=300"
    asked = [
        f"exp {few}",
        f"exp -m seed=0 model=waves,mlp {few} hydra.sweep.dir=outputs/SWEEP",
        "exp compare outputs/SWEEP --against model=mlp",
    ]
    said = [walk.succeeds(line) for line in asked]
    assert "next: " not in said[0]
    killed = "timeout -s KILL 20 exp train.steps=1000000 hydra.run.dir=outputs/killed"
    assert walk.shell(killed).returncode == 137
    interrupted = walk.shell("timeout -s INT 20 exp train.steps=1000000 hydra.run.dir=outputs/stopped")
    assert "interrupted" in interrupted.stdout
    taken = walk.shell("exp hydra.run.dir=outputs/stopped")
    assert taken.returncode == 2
    todo = [line for text in (*said, interrupted.stdout, taken.stderr) for line in PRINTED.findall(text)]
    kinds = {" ".join(line.split()[:2]).partition("=")[0] for line in todo if line.startswith("exp ")}
    assert kinds == {"exp mode", "exp compare", "exp -m", "exp resume"}
    done: set[str] = set()
    while todo:
        line = todo.pop(0)
        if line in done:
            continue
        done.add(line)
        if " --logdir " in line:  # it serves until it is stopped
            assert "TensorBoard" in walk.shell(f"timeout -s INT 20 {line} --port 0 2>&1").stdout
        elif "resume" in line:  # a million steps: it goes on, and is stopped again
            again = walk.shell(f"timeout -s INT 20 {line}")
            assert "restored outputs/stopped/checkpoints/ckpt-" in again.stdout, again.stderr
        else:
            todo += PRINTED.findall(walk.succeeds(line))
    assert any(line.startswith("exp -m") for line in done)
