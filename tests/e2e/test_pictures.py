"""Photographs through `python run.py` and the scripts, in every mode, on folders drawn for the purpose."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support import odd
from tests.support.conf import choices
from tests.support.jobs import Done, Jobs, Runs, losses, results
from tests.support.pictures import picture_folder
from tests.support.programs import PROGRAMS
from tests.support.root import ROOT

EXECS = choices("exec")
TRANSFORMS = "data.transforms=[random_flip,{name:random_crop,size:28},normalize]"
PHOTOGRAPHS = ROOT.parent / "shared" / "data" / "cats_vs_dogs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return picture_folder(tmp_path_factory.mktemp("pets"), train=40, valid=9)


@pytest.fixture(scope="module")
def cats(folder, tmp_path_factory) -> list[str]:
    """The arguments that train the small network on the small folder."""
    cache = tmp_path_factory.mktemp("cache")
    return [
        *("model=conv-catsdogs", "model.filters=4", "model.hidden=8", "data=cats_vs_dogs", f"data.dir={folder}"),
        *(f"data.cache_dir={cache}", "data.image_size=32", "data.batch_size=8", "summary.every=1"),
    ]


@pytest.fixture(scope="module")
def trained(jobs: Jobs, cats, tmp_path_factory) -> Callable[[str, str], Path]:
    """The run with transforms of a mode on one or two replicas: more than an epoch, in steps of 8 pictures."""
    runs = Runs(jobs, tmp_path_factory.mktemp("runs"))
    more = [*cats, TRANSFORMS, "train.steps=13", "summary.images=true"]
    return lambda execution, device: runs.get(f"{execution}-{device}", *more, f"exec={execution}", f"device={device}")


@pytest.mark.parametrize("device", ["all", "virtual"])
@pytest.mark.parametrize("execution", EXECS)
def test_every_mode_trains_on_the_same_pictures(trained, execution, device):
    run, reference = trained(execution, device), trained("function", "all")
    found = results(run)
    assert found["status"] == "completed"
    assert found["test"]["examples"] == 18
    np.testing.assert_allclose(losses(run), losses(reference), rtol=1e-4)
    if device == "all":
        assert found["weights_sha256"] == results(reference)["weights_sha256"]
    data = json.loads((run / "manifest.json").read_text())["data"]
    assert (data["name"], data["source"]) == ("cats_vs_dogs", "directory")
    assert data["examples"] == {"train": 80, "test": 18}
    assert data["skipped"] == {"count": 0, "files": []}


@pytest.mark.parametrize("execution", EXECS)
def test_pictures_go_to_tensorboard_in_every_mode(trained, execution):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = {}
    for run in (trained(execution, "all"), trained("function", "all")):
        accumulator = EventAccumulator(str(run))
        accumulator.Reload()
        assert accumulator.Tags()["images"] == ["train/batches", "test/worst", "test/confusion"]
        shown[run] = [accumulator.Images(tag)[0].encoded_image_string for tag in accumulator.Tags()["images"]]
        assert all(picture.startswith(b"\x89PNG") for picture in shown[run])
    assert len({pictures[0] for pictures in shown.values()}) == 1, "the same batches are shown, whatever the mode"
    assert len({pictures[2] for pictures in shown.values()}) == 1, "the same confusion"


@pytest.mark.parametrize("execution", EXECS)
def test_a_test_restores_and_agrees(jobs, trained, tmp_path, execution):
    run = trained("function", "virtual")
    jobs.run("mode=test", f"run={run}", f"exec={execution}", "hydra.run.dir=t", cwd=tmp_path).check()
    tested = results(tmp_path / "t")
    assert tested["weights_sha256"] == results(run)["weights_sha256"]
    assert tested["test"]["accuracy"] == results(run)["test"]["accuracy"]


def test_caches_change_nothing_but_the_speed(jobs, cats, trained, tmp_path):
    options = [TRANSFORMS, "train.steps=13"]
    started = {
        cache: jobs.start([*cats, *options, f"data.cache={cache}", f"hydra.run.dir={cache}"], tmp_path)
        for cache in ("memory", "disk")
    }
    for cache, job in started.items():
        job.result().check()
        assert results(tmp_path / cache)["weights_sha256"] == results(trained("function", "all"))["weights_sha256"]
    again = jobs.run(
        *("mode=test", f"run={tmp_path / 'disk'}", "data=cats_vs_dogs", "data.cache=none", "hydra.run.dir=t"),
        cwd=tmp_path,
    )
    again.check()
    assert results(tmp_path / "t")["test"] == pytest.approx(results(tmp_path / "disk")["test"])


def test_a_killed_run_goes_on_with_the_same_augmentation(jobs, cats, trained, tmp_path):
    options = [*cats, TRANSFORMS, "train.steps=13", "checkpoint.every=7", "hydra.run.dir=run"]
    killed = jobs.start_alone(options, tmp_path, die_at=12)
    assert killed.wait() == -signal.SIGKILL
    resumed = jobs.run("resume=run", cwd=tmp_path).check()
    assert "ckpt-7" in resumed.output
    assert losses(tmp_path / "run") == losses(trained("function", "all"))
    assert results(tmp_path / "run")["weights_sha256"] == results(trained("function", "all"))["weights_sha256"]


def test_bad_files_stop_with_a_list_and_can_be_skipped(jobs, cats, folder, tmp_path):
    import shutil

    own = Path(shutil.copytree(folder, tmp_path / "own"))
    names = [name for name in odd.BAD if name != "large.png"]
    odd.write(own / "train" / "dogs", {name: odd.BAD[name][0] for name in names})
    odd.write(own / "train" / "cats", odd.GOOD)
    options = [argument for argument in cats if not argument.startswith("data.dir=")] + [f"data.dir={own}"]
    stopped = jobs.run(*options, "hydra.run.dir=stopped", cwd=tmp_path)
    assert stopped.status == 2
    assert len(stopped.errors.splitlines()) == len(names) + 1
    assert all(name in stopped.errors for name in names)
    assert "data.on_bad=skip" in stopped.errors
    assert not (tmp_path / "stopped").exists()
    skipped = jobs.run(*options, "data.on_bad=skip", "train.steps=14", "hydra.run.dir=run", cwd=tmp_path).check()
    assert f"skipped {len(names)} files that cannot be used" in skipped.output
    data = json.loads((tmp_path / "run" / "manifest.json").read_text())["data"]
    assert data["skipped"]["count"] == len(names)
    assert sorted(Path(entry["file"]).name for entry in data["skipped"]["files"]) == sorted(names)
    assert data["examples"]["train"] == 80 + len(odd.GOOD)


def test_neither_a_folder_nor_a_network_names_both_ways_out(tmp_path):
    """In a network of its own, so that there is none."""
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise socket.gaierror(-2, 'Name or service not known')\n"
        "socket.create_connection = refuse\n"
        "from exp.cli.main import main\n"
        "sys.exit(main())\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = PROGRAMS.run("-c", code, "data=cats_vs_dogs", "model=conv-catsdogs", cwd=tmp_path, environment=environment)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("data.source=tfds: cats_vs_dogs is not prepared, and ")
    assert "data.dir=FOLDER" in line
    assert "data.source=synthetic" in line


def test_drawn_cats_and_dogs_can_be_learned(jobs, tmp_path):
    done = jobs.run(
        *("model=conv-catsdogs", "data=cats_vs_dogs", "data.source=synthetic", f"data.cache_dir={tmp_path / 'cache'}"),
        *("data.image_size=64", "train.epochs=4", "hydra.run.dir=run"),
        cwd=tmp_path,
    )
    done.check()
    found = results(tmp_path / "run")
    assert found["test"]["accuracy"] > 0.9
    assert found["test"]["examples"] == 200


@pytest.mark.slow
@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason="the photographs of ../shared are not here")
def test_real_photographs(jobs, tmp_path):
    done = jobs.run(
        *(
            "model=conv-catsdogs",
            "data=cats_vs_dogs",
            f"data.dir={PHOTOGRAPHS}",
            f"data.cache_dir={tmp_path / 'cache'}",
        ),
        *("data.image_size=48", "train.epochs=2", "hydra.run.dir=run"),
        cwd=tmp_path,
    )
    done.check()
    found = results(tmp_path / "run")
    assert found["examples"] == 4096
    assert found["test"]["examples"] == 832
    assert found["test"]["accuracy"] > 0.52


def script(name: str, *arguments: str, cwd: Path) -> Done:
    done = PROGRAMS.run(f"scripts/{name}.py", *arguments, cwd=cwd)
    return Done(arguments, done.returncode, done.stdout, done.stderr)


def test_show_data_writes_the_batches_of_training(cats, tmp_path):
    from PIL import Image

    options = [argument for argument in cats if argument.startswith("data")]
    plain = script("show_data", *options, cwd=tmp_path).check()
    changed = script("show_data", *options, TRANSFORMS, cwd=tmp_path).check()
    heights = []
    for done in (plain, changed):
        assert [line for line in done.errors.splitlines() if "font cache" not in line] == []  # Matplotlib's first start
        with Image.open(tmp_path / done.output.split()[-1]) as picture:
            heights.append(picture.height)
    assert heights[1] > 1.8 * heights[0]


def test_show_data_compares_buffers(tmp_path):
    done = script("show_data", "data.limit=6000", "--shuffle", "1,1000", cwd=tmp_path).check()
    assert "6000 examples; the first 100 batches of 50" in done.output
    assert (tmp_path / done.output.split()[-1]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data.btch_size=3"], "data.btch_size: there is no such key; did you mean data.batch_size?"),
        (["--shuffle", "0"], "must be whole numbers of at least 1"),
        (["data=cats_vs_dogs", "data.dir=absent"], "data.dir=absent: is not a folder"),
    ],
)
def test_mistakes_of_scripts_get_status_2(tmp_path, arguments, message):
    done = script("show_data", *arguments, cwd=tmp_path)
    assert done.status == 2
    assert message in done.errors
    assert "Traceback" not in done.errors
    assert not any(tmp_path.iterdir())


def test_bench_data_measures_every_case(cats, tmp_path):
    options = [argument for argument in cats if argument.startswith("data.")]
    command = ["-m", "benchmarks.data", *options, "--rounds", "1", "--markdown"]
    done = PROGRAMS.run(*command, cwd=tmp_path, environment={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) == 10
    assert all(float(cell) > 0 for row in rows[2:] for cell in row[1:])
