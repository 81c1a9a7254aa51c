"""Training across real processes: the same numbers as on virtual devices, and every way in which it can go wrong."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.jobs import losses, results
from tests.support.programs import PROGRAMS, Program

STEPS = 400
WORKERS = ("device=workers", "device.local=2", "device.timeout=20")


@pytest.fixture(scope="module")
def options(small_mnist: Path) -> list[str]:
    return [
        *("data.source=idx", f"data.dir={small_mnist}", f"train.steps={STEPS}"),
        *("checkpoint.every=20", "summary.every=1"),
    ]


def start(*arguments: str, cwd: Path, **environment: str) -> Program:
    """Begin `python run.py ARGUMENTS`; the workers that it starts are processes of Python's own."""
    return PROGRAMS.start("run.py", *arguments, cwd=cwd, environment=environment, stderr=subprocess.STDOUT)


def end(process: Program, *, status: int) -> str:
    """Wait for a process; returns what it said."""
    said, _ = process.communicate(timeout=200)
    assert process.returncode == status, said
    return said


def workers_of(chief: int) -> list[int]:
    """The processes that a chief started as workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_worker = b"exp.run.worker_process" in (folder / "cmdline").read_bytes()
            if is_worker and int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == chief:
                found.append(int(folder.name))
    return found


def is_running(process: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(true: Any, *, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begun(*arguments: str, cwd: Path) -> tuple[Program, int]:
    """A run of two workers that has saved a checkpoint: the chief, and the other's process."""
    chief = start(*WORKERS, *arguments, "hydra.run.dir=run", cwd=cwd)
    wait_until(lambda: (cwd / "run/checkpoints/ckpt-20.json").exists() or chief.poll() is not None)
    (other,) = workers_of(chief.pid)
    return chief, other


@pytest.fixture(scope="module")
def whole(options, tmp_path_factory) -> Path:
    """An undisturbed run of two workers."""
    folder = tmp_path_factory.mktemp("whole")
    end(start(*WORKERS, *options, "hydra.run.dir=run", cwd=folder), status=0)
    return folder / "run"


def check_equal(run: Path, other: Path) -> None:
    """Bit for bit."""
    assert losses(run) == losses(other)
    assert results(run)["weights_sha256"] == results(other)["weights_sha256"]
    assert results(run)["test"] == results(other)["test"]


def test_the_numbers_are_those_of_virtual_devices_and_checkpoints_those_of_one_process(jobs, options, whole, tmp_path):
    virtual = ("device=virtual", "device.count=2", "device.threads=1")
    jobs.run(*options, *virtual, "hydra.run.dir=virtual", cwd=tmp_path).check()
    assert losses(tmp_path / "virtual") == pytest.approx(losses(whole), rel=1e-5)
    assert results(whole)["replicas"] == 2
    jobs.run("mode=test", f"run={whole}", "device=all", "hydra.run.dir=test", cwd=tmp_path).check()
    assert results(tmp_path / "test")["test"]["accuracy"] == results(whole)["test"]["accuracy"]
    end(start("mode=test", "run=virtual", *WORKERS, "hydra.run.dir=shared", cwd=tmp_path), status=0)
    assert results(tmp_path / "shared")["test"]["accuracy"] == results(tmp_path / "virtual")["test"]["accuracy"]


def test_only_the_chief_writes_and_the_log_names_the_others(whole):
    assert json.loads((whole / "manifest.json").read_text())["devices"]["used"] == ["worker 0 CPU:0", "worker 1 CPU:0"]
    assert sum(1 for _ in whole.glob("events.out.tfevents.*")) == 1
    assert "worker 1: training begins" in (whole / "run.log").read_text()


@pytest.mark.slow  # the same is tried quickly without workers
def test_a_run_of_workers_is_reproduced_by_workers(whole, tmp_path):
    done = PROGRAMS.run("scripts/reproduce.py", str(whole), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "weights: the same to the last bit" in done.stdout


@pytest.mark.parametrize("mode", [pytest.param("eager", marks=pytest.mark.slow), "fit"])
def test_all_modes_train_alike(options, whole, tmp_path, mode):
    arguments = [*WORKERS, *options, f"exec={mode}", "train.steps=30", "data.batch_size=50", "hydra.run.dir=run"]
    end(start(*arguments, cwd=tmp_path), status=0)
    assert losses(tmp_path / "run") == pytest.approx(losses(whole)[:30], rel=1e-5)


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_ends_all_and_the_run_goes_on_exactly(options, whole, tmp_path, killed):
    chief, other = begun(*options, cwd=tmp_path)
    os.kill((chief.pid, other)[killed], signal.SIGKILL)
    if killed:
        said = end(chief, status=1)
        assert "worker 1 (127.0.0.1:" in said
        assert "was killed by SIGKILL" in said
        assert "Traceback" not in said
        assert results(tmp_path / "run")["status"] == "failed"
    else:
        end(chief, status=-signal.SIGKILL)
    wait_until(lambda: not is_running(other), seconds=10)
    end(start("resume=run", cwd=tmp_path), status=0)
    check_equal(tmp_path / "run", whole)


@pytest.mark.parametrize(("signalled", "number"), [(0, signal.SIGINT), (1, signal.SIGTERM)])
def test_a_signal_to_any_worker_stops_all_after_the_same_step(options, tmp_path, signalled, number):
    chief, other = begun(*options, "train.steps=5000", cwd=tmp_path)
    os.kill((chief.pid, other)[signalled], number)
    said = end(chief, status=128 + number)
    step = results(tmp_path / "run")["step"]
    assert f"stopped by a signal after step {step}; saved run/checkpoints/ckpt-{step}" in said
    assert f"worker 1: stopped by a signal after step {step}" in (tmp_path / "run/run.log").read_text()
    assert not is_running(other)


def test_a_signal_while_the_chief_draws_pictures_stops_all(tmp_path):
    """TensorFlow's server, which takes SIGTERM for itself, is there by then."""
    drawn = ("data=cats_vs_dogs", "data.source=synthetic", "data.cache_dir=cache", "data.image_size=16")
    chief = start(*WORKERS, *drawn, "hydra.run.dir=run", cwd=tmp_path)
    wait_until(lambda: any((tmp_path / "cache").glob(".drawn-*/new/train/*/*.jpg")), seconds=60)
    (other,) = workers_of(chief.pid)
    chief.send_signal(signal.SIGTERM)
    assert "stopped by a signal before anything was trained" in end(chief, status=143)
    assert results(tmp_path / "run")["status"] == "interrupted"
    log = (tmp_path / "run" / "worker-1.log").read_text()
    assert "stopped by a signal before anything was trained" in log
    assert "the run failed" not in log
    assert not is_running(other)


def free_ports(count: int) -> list[int]:
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in servers]
    for server in servers:
        server.close()
    return ports


def pair(cwd: Path, options: list[str], *, addresses: list[list[str]], more: tuple[str, ...] = ()) -> Any:
    """Two workers by TF_CONFIG, each with its own idea of the addresses; `more` is for the second one."""
    started = []
    for index in range(2):
        config = {"cluster": {"worker": addresses[index]}, "task": {"type": "worker", "index": index}}
        arguments = [*options, "device=workers", "device.timeout=5", "hydra.run.dir=run", *(more if index else ())]
        started.append(start(*arguments, cwd=cwd, TF_CONFIG=json.dumps(config)))
    return started


def test_workers_by_tf_config(options, whole, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    chief, other = pair(tmp_path, [*options, "train.steps=40"], addresses=[addresses] * 2)
    end(chief, status=0)
    end(other, status=0)
    assert losses(tmp_path / "run") == pytest.approx(losses(whole)[:40], rel=1e-5)
    assert (tmp_path / "run/worker-1.log").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]


def test_what_differs_among_workers_is_named_before_training(options, tmp_path):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    both = pair(tmp_path, options, addresses=[addresses] * 2, more=("data.batch_size=32",))
    message = (
        f"worker 1 ({addresses[1]}) differs from worker 0 in its configuration: data.batch_size is 32 there and 50"
    )
    for process in both:
        said = end(process, status=2)
        assert message in said
        assert "Traceback" not in said
    assert not (tmp_path / "run").exists()


def test_an_address_that_is_wrong_or_taken_is_named(options, tmp_path):
    ports = free_ports(3)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    (tmp_path / "wrong").mkdir()
    (tmp_path / "taken").mkdir()
    wrong = pair(tmp_path / "wrong", options, addresses=[addresses[:2], [addresses[2], addresses[1]]])
    assert f"worker 1 ({addresses[1]}) did not come within 5 seconds" in end(wrong[0], status=2)
    assert f"cannot reach worker 0 ({addresses[2]}), the chief: Connection refused" in end(wrong[1], status=2)
    with socket.create_server(("127.0.0.1", ports[0])):
        taken = pair(tmp_path / "taken", options, addresses=[addresses[:2]] * 2)
        assert f"worker 0 cannot listen at {addresses[0]}: the port is in use" in end(taken[0], status=2)
        taken[1].kill()
        taken[1].communicate()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("exec=session", "device.local=2"), "exec=session: a session cannot train across processes"),
        (("exec=fit", "exec.steps_per_call=5", "device.local=2"), "exec.steps_per_call=5: Keras's own loop"),
        ((), "device.local=null: there is neither TF_CONFIG nor Slurm"),
        (("device.local=60",), "data.batch_size=50: has no example for each of the 60 replicas"),
        (("-m", "seed=1"), "device.local=null: the jobs of a sweep start their workers themselves"),
    ],
)
def test_what_cannot_be_is_refused(jobs, tmp_path, arguments, message):
    done = jobs.run(*arguments, "device=workers", cwd=tmp_path)
    assert done.status == 2
    assert message in done.errors
    assert len(done.errors.strip().splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["function", "eager", "fit"])
def test_the_convolutional_network_trains_alike(jobs, tmp_path, mode):
    options = ("model=cnn", f"exec={mode}", "train.steps=50", "summary.every=1")
    end(start(*options, *WORKERS, "hydra.run.dir=run", cwd=tmp_path), status=0)
    virtual = ("device=virtual", "device.count=2", "device.threads=1")
    jobs.run(*options, *virtual, "hydra.run.dir=virtual", cwd=tmp_path).check()
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "virtual"), rel=1e-5)
    assert results(tmp_path / "run")["test"] == pytest.approx(results(tmp_path / "virtual")["test"], rel=1e-5)


@pytest.mark.slow
def test_a_silent_worker_is_given_up(options, tmp_path):
    chief, other = begun(*options, "train.steps=5000", "device.timeout=8", cwd=tmp_path)
    os.kill(other, signal.SIGSTOP)
    assert "was not heard from for 4 seconds" in end(chief, status=1)
    wait_until(lambda: not is_running(other), seconds=10)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.5, 1.0, 2.0, 3.0, 4.0])
def test_no_worker_outlives_its_chief_whenever_that_is_killed(options, tmp_path, seconds):
    chief = start(*WORKERS, *options, "hydra.run.dir=run", cwd=tmp_path)
    time.sleep(seconds)
    workers = workers_of(chief.pid)
    chief.kill()
    chief.communicate()
    wait_until(lambda: not any(is_running(worker) for worker in workers), seconds=10)


@pytest.mark.slow
def test_jobs_of_a_sweep_have_workers_of_their_own(options, tmp_path):
    arguments = ("-m", "seed=0,1", *WORKERS, *options, "train.steps=20", "hydra.sweep.dir=sweep")
    end(start(*arguments, cwd=tmp_path), status=0)
    for seed in (0, 1):
        found = results(tmp_path / f"sweep/seed-{seed}")
        assert (found["status"], found["replicas"]) == ("completed", 2)


@pytest.mark.slow
def test_workers_choose_stop_and_go_on_as_virtual_devices_do(jobs, small_mnist, tmp_path):
    """The best step, which the chief alone saves, is tested by both; a run that is killed stops at the same step."""
    options = ["data.source=idx", f"data.dir={small_mnist}", "data.validation=500", "train.validate_every=10"]
    options += ["train.patience=2", "train.min_delta=0.3", "checkpoint.best=validation/loss", "checkpoint.every=20"]
    options += ["train.clip_norm=0.5", "train.ema=0.9", "train.accumulate=5", "schedule=cosine", "summary.every=1"]
    virtual = ("device=virtual", "device.count=2", "device.threads=1")
    jobs.run(*options, *virtual, "hydra.run.dir=virtual", cwd=tmp_path).check()
    end(start(*WORKERS, *options, "hydra.run.dir=whole", cwd=tmp_path), status=0)
    expected, found = results(tmp_path / "virtual"), results(tmp_path / "whole")
    assert losses(tmp_path / "whole") == pytest.approx(losses(tmp_path / "virtual"), rel=1e-4)
    for name in ("step", "stopped", "tested", "selected_on"):
        assert found[name] == expected[name]
    assert found["best"]["step"] == expected["best"]["step"]
    assert found["stopped"] == "patience"
    assert found["test"]["loss"] == pytest.approx(expected["test"]["loss"], rel=1e-4)
    chief = start(*WORKERS, *options, "hydra.run.dir=run", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "run/checkpoints/ckpt-20.json").exists() or chief.poll() is not None)
    chief.kill()
    chief.wait()
    wait_until(lambda: not workers_of(chief.pid))
    end(start("resume=run", cwd=tmp_path), status=0)
    check_equal(tmp_path / "run", tmp_path / "whole")
    assert results(tmp_path / "run")["best"]["step"] == found["best"]["step"]
