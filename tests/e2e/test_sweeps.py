"""Sweeps through the real command line: complete, exact, and not to be lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.jobs import losses, results
from tests.support.sweeping import ledger, start, start_real, statuses, sweep, sweep_really, wait_for

QUICK = ["train.steps=40", "summary.every=1"]


@pytest.mark.parametrize(
    ("modes", "start_sweep"),
    [(["session"], sweep), (["eager", "function", "session"], sweep_really)],
    ids=["one mode", "three modes"],
)
def test_the_jobs_are_the_runs(jobs, small_mnist, tmp_path, modes, start_sweep):
    """Device layouts side by side, which one process cannot do; the same weights as one by one, bit for bit."""
    options = ["data.batch_size=20", "data.source=idx", f"data.dir={small_mnist}", *QUICK]
    swept = [f"exec={','.join(modes)}", "device=all,virtual", *options, "hydra.sweep.dir=s"]
    done = start_sweep(*swept, cwd=tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout
    count = 2 * len(modes)
    assert f"{count} of {count} jobs completed" in done.stdout
    assert done.stderr == ""
    singles = {
        (f"{execution}_{device}" if len(modes) > 1 else device): jobs.start(
            [
                f"exec={execution}",
                f"device={device}",
                *options,
                "device.threads=1",
                f"hydra.run.dir={f'{execution}_{device}' if len(modes) > 1 else device}",
            ],
            tmp_path,
        )
        for execution in modes
        for device in ("all", "virtual")
    }
    for name, single in singles.items():
        single.result().check()
        assert results(tmp_path / name)["weights_sha256"] == results(tmp_path / "s" / name)["weights_sha256"]
        assert losses(tmp_path / name) == losses(tmp_path / "s" / name)
        assert ledger(tmp_path / "s")[name]["result"]["weights_sha256"] == results(tmp_path / name)["weights_sha256"]
    job = next(folder for folder in sorted((tmp_path / "s").iterdir()) if folder.is_dir())
    manifest = json.loads((job / "manifest.json").read_text())
    assert manifest["devices"]["threads"] == 1
    assert manifest["sweep"] == {"folder": "s", "n_jobs": 2}
    overrides = (job / ".hydra" / "overrides.yaml").read_text()
    assert "- device.threads=1\n" in overrides


def test_one_that_raises_one_that_is_killed_one_that_is_misshapen(small_mnist, tmp_path):
    """Three results, three named failures, status 1; then only those three run again, and give the same."""
    command = [
        *("model._target_=tests.support.models.fragile", "trusted_targets=[tests.]", "~model.hidden"),
        *("+model.number=range(6)", "+model.raises=1", "+model.dies=3", "+model.misshapen=5"),
        *("train.steps=200", "checkpoint.every=20", "checkpoint.keep_every=20", "hydra.sweep.dir=s"),
        *("data.source=idx", f"data.dir={small_mnist}"),
    ]
    done = sweep(*command, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == ""
    assert "3 of 6 jobs completed" in done.stdout
    assert "RuntimeError: the network is out of order (models.py, line " in done.stdout
    assert ", in fragile); log: s/number-1/run.log" in done.stdout
    assert "failed number-3: killed by SIGKILL, perhaps because memory ran out; log: s/number-3/run.log" in done.stdout
    assert (
        "number-5: model=tests.support.models.fragile: gives (None, 16), and data=mnist has 10 classes; log"
        in done.stdout
    )
    assert "RuntimeError: the network is out of order" in (tmp_path / "s" / "number-1" / "run.log").read_text()
    first = ledger(tmp_path / "s")
    bad = {"number-1", "number-3", "number-5"}
    assert {name for name, job in first.items() if job["status"] != "completed"} == bad

    (tmp_path / "mended").touch()
    again = sweep(*command, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "6 jobs, 3 done before" in again.stdout
    second = ledger(tmp_path / "s")
    assert {name for name, job in second.items() if job["attempts"] == 2} == bad
    assert all(second[name] == first[name] for name in first.keys() - bad)
    assert len({job["result"]["weights_sha256"] for job in second.values()}) == 1
    assert "restored s/number-3/checkpoints/ckpt-1" in (tmp_path / "s" / "number-3" / "run.log").read_text()


@pytest.fixture(scope="module")
def slow_sweep(small_mnist: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """A sweep that can be caught in the middle, and the folder of one that was not disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    command = [
        *("exec=eager", "seed=1,2,3,4", "train.steps=200", "checkpoint.every=40", *QUICK[1:], "hydra.sweep.dir=s"),
        *("data.source=idx", f"data.dir={small_mnist}"),
    ]
    done = sweep(*command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return command, folder / "s"


def _half_way(folder: Path) -> bool:
    """One job is done, and another has a checkpoint and is at work."""
    if not (folder / "sweep.json").exists():
        return False
    done = [name for name, status in statuses(folder).items() if status == "completed"]
    begun = [path for path in folder.glob("*/checkpoints/ckpt-*.json") if path.parts[-3] not in done]
    return bool(done and begun)


def _assert_the_same(folder: Path, undisturbed: Path) -> None:
    assert set(statuses(folder).values()) == {"completed"}
    for name, job in ledger(undisturbed).items():
        assert ledger(folder)[name]["result"] == job["result"]
        assert losses(folder / name) == losses(undisturbed / name)


@pytest.mark.parametrize("whole_group", [False, True], ids=["the sweep alone", "its jobs too"])
def test_a_sweep_killed_half_way_goes_on(slow_sweep, tmp_path, whole_group):
    """SIGKILL; the same command at once again: nothing done is done again, and the results are as if never killed."""
    command, undisturbed = slow_sweep
    process = (start_real if whole_group else start)(*command, cwd=tmp_path)
    folder = tmp_path / "s"
    wait_for(lambda: _half_way(folder), 120)
    if whole_group:
        for child in Path("/proc").glob("[0-9]*/environ"):
            if child.parent.name != str(process.pid) and _belongs(child, tmp_path):
                os.kill(int(child.parent.name), signal.SIGKILL)
    process.kill()
    process.communicate()
    before = ledger(folder)
    ended = {name: (folder / name / "results.json").stat().st_mtime for name, j in before.items() if j["seconds"]}
    again = sweep(*command, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert ended
    for name, when in ended.items():
        assert ledger(folder)[name]["attempts"] == before[name]["attempts"] == 1
        assert (folder / name / "results.json").stat().st_mtime == when
    _assert_the_same(folder, undisturbed)
    assert not list(folder.glob("*/.job.json"))


def _belongs(environ: Path, cwd: Path) -> bool:
    try:
        return (environ.parent / "cwd").readlink() == cwd and b"PYTHONPATH" in environ.read_bytes()
    except OSError:
        return False


def test_ctrl_c_saves_and_the_same_command_goes_on(slow_sweep, tmp_path):
    command, undisturbed = slow_sweep
    process = start(*command, cwd=tmp_path)
    folder = tmp_path / "s"
    wait_for(lambda: _half_way(folder), 120)
    os.killpg(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == ""
    assert "interrupted" in statuses(folder).values()
    assert "waiting" in statuses(folder).values() or list(statuses(folder).values()).count("interrupted") == 2
    for name, job in ledger(folder).items():
        if job["status"] == "interrupted" and (folder / name / "results.json").exists():
            step, checkpoint = (results(folder / name)[key] for key in ("step", "checkpoint"))
            # One that was stopped before its first step has nothing to save.
            assert Path(checkpoint or "none").name == (f"ckpt-{step}" if step else "none")
            assert f"interrupted {name}" in output
    again = sweep(*command, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    _assert_the_same(folder, undisturbed)


def test_a_job_that_takes_too_long_is_stopped_with_a_checkpoint(slow_sweep, tmp_path):
    command, undisturbed = slow_sweep
    late = sweep(*command, "hydra.launcher.timeout=1", cwd=tmp_path)
    assert late.returncode == 1
    assert "interrupted seed-1: stopped after hydra.launcher.timeout=1 second; log: s/seed-1/run.log" in late.stdout
    again = sweep(*command, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    _assert_the_same(tmp_path / "s", undisturbed)


def test_a_folder_takes_one_sweep(slow_sweep, tmp_path):
    """Done: nothing runs. More values: only those. Another configuration, or another fixed override: refused."""
    del slow_sweep  # in that folder others look for what they left
    command = ["seed=1,2", *QUICK, "hydra.sweep.dir=s"]
    assert sweep(*command, cwd=tmp_path).returncode == 0
    before = (tmp_path / "s" / "sweep.json").read_text()
    started = time.monotonic()
    again = sweep(*command, cwd=tmp_path)
    assert (again.returncode, "2 of 2 jobs completed (2 of them before)" in again.stdout) == (0, True)
    assert time.monotonic() - started < 60
    assert (tmp_path / "s" / "sweep.json").read_text() == before
    other = sweep("seed=1,2", "train.steps=41", "summary.every=1", "hydra.sweep.dir=s", cwd=tmp_path)
    assert other.returncode == 2
    assert other.stderr == (
        "hydra.sweep.dir=s: all jobs there have summary.every=1 train.steps=40, and here they have summary.every=1 "
        "train.steps=41; take another folder\n"
    )
    conf = tmp_path / "conf"
    (conf / "train").mkdir(parents=True)
    (conf / "train" / "default.yaml").write_text("epochs: 2\nsteps: null\n")
    edited = sweep(*command, "hydra.searchpath=[]", cwd=tmp_path)
    assert edited.returncode == 0
    more = sweep("seed=1,2,3", *QUICK, "hydra.sweep.dir=s", cwd=tmp_path)
    assert more.returncode == 0
    assert "3 jobs, 2 done before" in more.stdout
    assert {job["attempts"] for job in ledger(tmp_path / "s").values()} == {1}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["data.batch_size=32,0,-1", "seed=0"],
            [
                "data.batch_size=0 seed=0: data.batch_size=0: must be a whole number above 0",
                "data.batch_size=-1 seed=0: data.batch_size=-1: must be a whole number above 0",
                "2 of 3 jobs cannot be, and none was started",
            ],
        ),
        (
            ["model=mlp,cn,cnn", "exec=eager,function", "exec.steps_per_call=5"],
            [
                "model=mlp exec=eager exec.steps_per_call=5: exec.steps_per_call=5: eager runs one step a call; use "
                "exec=function for more",
                "model=cnn exec=eager exec.steps_per_call=5: exec.steps_per_call=5: eager runs one step a call; use "
                "exec=function for more",
                "model=cn exec=eager exec.steps_per_call=5: model=cn: must be one of cnn, conv-catsdogs, mlp; did you "
                "mean model=cnn?",
                "model=cn exec=function exec.steps_per_call=5: model=cn: must be one of cnn, conv-catsdogs, mlp; did "
                "you mean model=cnn?",
                "4 of 6 jobs cannot be, and none was started",
            ],
        ),
        (["seed=1,2", "data.batchsize=3"], ["data.batchsize: there is no such key; did you mean data.batch_size?"]),
        (["hydra.launcher.n_jobs=0", "seed=1,2"], ["hydra.launcher.n_jobs=0: must be a whole number above 0, or null"]),
        (
            ["hydra.launcher.timeout=soon"],
            ["hydra.launcher.timeout=soon: must be a number of seconds above 0, or null"],
        ),
        (["hydra.sweep.dir=../x"], ["hydra.sweep.dir=../x: must not lead out of its place with '..'"]),
        (["objective=x", "seed=1,2"], ["objective=x: must be one of test/accuracy", "2 of 2 jobs cannot be"]),
        (["objective=accuracy"], ["objective=accuracy: must be one of test/accuracy, test/loss, train/loss, exa"]),
        (["resume=a,b"], ["resume=a: resume=a: goes with a single", "resume=b: resume=b: goes with a", "2 of 2 jobs"]),
    ],
)
def test_all_jobs_are_checked_before_the_first_starts(tmp_path, arguments, expected):
    done = sweep(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert [line[: len(start)] for line, start in zip(done.stderr.splitlines(), expected, strict=True)] == expected
    assert "Traceback" not in done.stderr
    assert "completed" not in done.stdout
    assert not list(tmp_path.rglob("run.log"))
    assert not list(tmp_path.rglob("sweep.json"))


@pytest.mark.parametrize("launcher", ["processes", "basic"])
def test_an_experiment_that_is_swept_cannot_place_the_sweep(tmp_path, launcher):
    """Whoever launches the jobs, it would have no effect."""
    (tmp_path / "conf" / "experiment").mkdir(parents=True)
    experiment = tmp_path / "conf" / "experiment" / "placed.yaml"
    experiment.write_text("# @package _global_\nhydra:\n  sweep:\n    subdir: elsewhere\n")
    more = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    done = sweep("experiment=no-shuffle,placed", more, f"hydra/launcher={launcher}", "hydra.sweep.dir=s", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "hydra.sweep.subdir=elsewhere: holds for all jobs of a sweep, and so cannot come from what is" in done.stderr
    assert not (tmp_path / "s").exists()


def test_without_fork_every_job_imports_tensorflow_itself(tmp_path):
    """As on Windows."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        "import exp.system.job_server\n"
        "from exp.cli.main import main\n"
        "exp.system.job_server.start_method = lambda: 'spawn'\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(main())\n"
    )
    command = [sys.executable, str(program), "-m", "seed=1,2", *QUICK, "hydra.sweep.dir=s"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(statuses(tmp_path / "s").values()) == {"completed"}


@pytest.fixture(scope="module")
def small_sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a completed sweep in it, to be copied."""
    folder = tmp_path_factory.mktemp("small")
    done = sweep("seed=1,2,1", *QUICK, "hydra.sweep.dir=s", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 combination is given once more, such as seed=1: one job each" in done.stdout
    assert "2 jobs; 2 side by side" in done.stdout
    assert "2 of 2 jobs completed\n" in done.stdout
    assert sorted(path.name for path in (folder / "s").iterdir()) == ["seed-1", "seed-2", "sweep.json"]
    return folder


def test_without_its_ledger_a_folder_still_knows_what_was_run(small_sweep, tmp_path):
    shutil.copytree(small_sweep, tmp_path, dirs_exist_ok=True)
    (tmp_path / "s" / "sweep.json").unlink()
    other = sweep("seed=1,2", *QUICK, "optimizer=sgd", "hydra.sweep.dir=s", cwd=tmp_path)
    assert (other.returncode, other.stdout) == (2, "")
    assert other.stderr.startswith(
        "hydra.sweep.dir=s: was begun with another configuration (of 2 jobs, such as seed-1)"
    )
    same = sweep("seed=1,2", *QUICK, "hydra.sweep.dir=s", cwd=tmp_path)
    assert (same.returncode, "2 jobs, 2 done before" in same.stdout) == (0, True)


def test_a_sweep_can_be_moved(small_sweep, tmp_path):
    shutil.copytree(small_sweep / "s", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "seed-2" / "results.json").unlink()
    again = sweep("seed=1,2", *QUICK, "hydra.sweep.dir=elsewhere", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert set(statuses(tmp_path / "elsewhere").values()) == {"completed"}
    before, after = ledger(small_sweep / "s"), ledger(tmp_path / "elsewhere")
    assert before["seed-2"]["result"] == after["seed-2"]["result"]


def test_a_job_whose_folder_is_damaged_says_how_it_can_run_anew(small_sweep, tmp_path):
    shutil.copytree(small_sweep, tmp_path, dirs_exist_ok=True)
    for job in ("seed-1", "seed-2"):
        (tmp_path / "s" / job / "results.json").unlink()
    (tmp_path / "s" / "seed-1" / ".hydra" / "config.yaml").unlink()
    (tmp_path / "s" / "seed-2" / ".hydra" / "config.yaml").write_text("{")
    command = ["seed=1,2", *QUICK, "hydra.sweep.dir=s"]
    damaged = sweep(*command, cwd=tmp_path)
    assert damaged.returncode == 1
    assert "s/seed-1: has checkpoints, and no .hydra/config.yaml that tells of which run; move s/seed-1 away" in (
        damaged.stdout
    )
    assert "move s/seed-2 away, and the job runs anew" in damaged.stdout
    for job in ("seed-1", "seed-2"):
        (tmp_path / "s" / job).rename(tmp_path / job)
    assert sweep(*command, cwd=tmp_path).returncode == 0
    assert ledger(tmp_path / "s")["seed-1"]["result"] == ledger(small_sweep / "s")["seed-1"]["result"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["seed=1,2", "hydra.sweep.dir=file"], "hydra.sweep.dir=file: cannot be made (File exists)"),
        (["seed=1,2", "hydra.sweep.dir=s/seed-1/x"], "hydra.sweep.dir=s/seed-1/x: is the folder of a run, or in one"),
        (["seed=1,2", "hydra.sweep.dir=."], "hydra.sweep.dir=.: must name a folder"),
        (["seed=range(0)", "hydra.sweep.dir=t"], "the sweep has no jobs: a range or list in it is empty"),
        (["seed=3,4", "hydra.sweep.dir=blocked"], "seed=3: blocked/seed-3: is in the way of the job's folder"),
        (["hydra/launcher=joblib"], "hydra/launcher=joblib: is not installed; `pip install -e '.[optuna,submitit]'`"),
        (
            ["hydra/launcher=slurm", "hydra.sweep.dir=t", "seed=3,4"],
            "submitit is not installed; pip install -e '.[slurm]'\n",
        ),
        (
            ["hydra/launcher=slurm", "hydra.sweep.dir=t", "hydra.launcher.cpus=0"],
            "hydra.launcher.cpus=0: must be a whole number of at least 1",
        ),
        (
            ["hydra/launcher=slurm", "hydra.sweep.dir=t", "hydra.launcher.time=1:00"],
            "hydra.launcher.time=1:00: must be a whole number of",
        ),
        (
            ["hydra/launcher=slurm", "hydra.sweep.dir=t", "+hydra.launcher.sbatch.array=1-3"],
            "hydra.launcher.sbatch.array: is set by the lau",
        ),
        (
            ["hydra/launcher=slurm", "hydra.sweep.dir=t", "hydra.launcher.memory_gb=much"],
            "hydra.launcher.memory_gb=much: must be a number a",
        ),
        (["seeed=1,2", "hydra.sweep.dir=t"], "seeed: there is no such key; did you mean seed?"),
    ],
)
def test_a_sweep_that_cannot_be_leaves_nothing(small_sweep, tmp_path, arguments, message):
    shutil.copytree(small_sweep, tmp_path, dirs_exist_ok=True)
    (tmp_path / "file").touch()
    (tmp_path / "blocked").mkdir()
    (tmp_path / "blocked" / "seed-3").touch()
    before = sorted(tmp_path.rglob("*"))
    done = sweep(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path for path in tmp_path.rglob("*") if path.parent.name != "outputs") == before
