"""`scripts/export.py` and `scripts/devices.py`, through their real entry points."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.conf import choices
from tests.support.jobs import Jobs
from tests.support.programs import PROGRAMS

WITHOUT_EXP = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("exp", "hydra", "omegaconf"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Refuse())
import numpy as np
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
pictures = np.load(sys.argv[2])
np.save(sys.argv[3], loaded.serve(pictures)["logits"].numpy())
assert "exp" not in sys.modules
"""


def script(name: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return PROGRAMS.run(f"scripts/{name}", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def run(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory, quick_mnist: Path) -> Path:
    """A run in a session, with two replicas and pictures that are changed on their way in."""
    folder = tmp_path_factory.mktemp("export")
    options = [
        "data.source=idx",
        f"data.dir={quick_mnist}",
        "data.transforms=[{name: random_crop, size: 24},normalize]",
    ]
    jobs.run("model=cnn", "exec=session", "device=virtual", "train.steps=20", *options, "hydra.run.dir=run", cwd=folder)
    return folder / "run"


def test_the_exported_model_runs_without_this_project(tf, run, quick_mnist, tmp_path):
    import keras

    import exp.model.layers  # noqa: F401

    done = script("export.py", "run", cwd=run.parent)
    assert done.returncode == 0, done.stderr
    facts = json.loads((run / "export/export.json").read_text())
    results = json.loads((run / "results.json").read_text())
    assert facts["weights_sha256"] == results["weights_sha256"]
    pixels = np.frombuffer((quick_mnist / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((quick_mnist / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    pictures = pixels.reshape(-1, 28, 28, 1)
    np.save(tmp_path / "in.npy", pictures)
    command = [sys.executable, "-c", WITHOUT_EXP, str(run / "export/saved_model")]
    subprocess.run([*command, str(tmp_path / "in.npy"), str(tmp_path / "out.npy")], check=True, capture_output=True)
    logits = np.load(tmp_path / "out.npy")
    assert (logits.argmax(axis=1) == labels).mean() == results["test"]["accuracy"]
    model = keras.saving.load_model(run / "export/model.keras", compile=False)
    centre = pictures[:50, 2:26, 2:26].astype(np.float32) / 255
    np.testing.assert_allclose(model((centre - 0.5) / 0.5), logits[:50], atol=1e-4)


def test_nothing_is_overwritten(run):
    (run / "kept").mkdir()
    done = script("export.py", "run", "--to", "run/kept", cwd=run.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "run/kept: is there already; remove it, or name another folder with --to\n"
    assert list((run / "kept").iterdir()) == []


def test_what_is_no_run_is_said(tmp_path):
    done = script("export.py", "nothing", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("RUN_DIR=nothing: ")
    assert "Traceback" not in done.stderr


def test_every_choice_of_devices_is_described(tmp_path):
    done = script("devices.py", "device.threads=1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for choice in choices("device"):
        assert f"device={choice}" in done.stdout
    assert "CPU:0, CPU:1" in done.stdout
    assert "GiB" in done.stdout
    assert list(tmp_path.iterdir()) == []
