"""The arithmetic of many workers."""

import subprocess
import sys

import pytest

from exp.tools.plan_workers import Network, efficiency, ring_bytes, ring_seconds
from tests.support.root import ROOT


def test_a_ring_sends_twice_the_gradients_but_for_an_nth():
    assert [ring_bytes(100.0, workers) for workers in (1, 2, 4)] == [0.0, 100.0, 150.0]
    network = Network(gbit_per_second=8.0, latency=1e-3)  # a GB a second
    assert ring_seconds(1e9, 4, network) == pytest.approx(1.5 + 6e-3)


def test_a_batch_that_grows_hides_more_than_one_that_is_divided():
    network = Network(gbit_per_second=8.0, latency=0.0)
    assert efficiency(1.0, 1e9, 2, network, grow=True) == pytest.approx(0.5)
    assert efficiency(1.0, 1e9, 2, network, grow=False) == pytest.approx(1 / 3)
    assert efficiency(1.0, 1e9, 1, network, grow=False) == 1.0


def test_the_script_prints_a_table_and_draws(tmp_path):
    command = [sys.executable, str(ROOT / "scripts/plan_workers.py"), "--out", "plan.png", "--bandwidth", "10"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "| 1024 | 26.17 |" in done.stdout
    assert (tmp_path / "plan.png").read_bytes().startswith(b"\x89PNG")
    wrong = subprocess.run([*command, "--flops", "1e9"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (wrong.returncode, "go together" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("out", ["file/plan.png", "plan.nokind"])
def test_a_picture_that_cannot_be_written_is_named(tmp_path, out):
    (tmp_path / "file").touch()
    command = [sys.executable, str(ROOT / "scripts/plan_workers.py"), "--out", out]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"--out {out}: cannot be written (")
    assert len(done.stderr.splitlines()) == 1
