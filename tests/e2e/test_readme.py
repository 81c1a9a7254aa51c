"""What the README promises about adding a model, done as it says, in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys

from tests.support.jobs import results
from tests.support.networks import sequential
from tests.support.root import ROOT
from tests.support.saving import assert_same, batch, step, store, values_of

README = (ROOT / "README.md").read_text()


def code_with(part: str) -> str:
    """The only program in the README that has this in it."""
    (code,) = [code for code in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if part in code]
    return code


def test_a_deferred_restore_is_three_lines(tf, tmp_path):
    import keras

    model, optimizer = sequential(with_input=False), keras.optimizers.Adam()
    step(model, optimizer, batch())
    checkpoints = store(tmp_path, model, optimizer)
    checkpoints.save(1, examples=8)
    checkpoints.wait()
    there = {
        "prefix": tmp_path / "ckpt-1",
        "model": sequential(with_input=False),
        "optimizer": keras.optimizers.Adam(),
        "train_one_step": lambda model, optimizer: step(model, optimizer, batch(2)),
    }
    exec(code_with("restore_deferred"), there)
    step(model, optimizer, batch(2))
    assert_same(values_of(model, optimizer), values_of(there["model"], there["optimizer"]))


def test_a_model_is_two_files(tmp_path):
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "run.py", tmp_path)
    (yaml,) = re.findall(r"```yaml\n(.*?)```", README, flags=re.DOTALL)
    code = code_with("def create")
    (tmp_path / "src" / "exp" / "model" / "deep.py").write_text(code)
    (tmp_path / "conf" / "model" / "deep.yaml").write_text(yaml)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "run.py", "model=deep", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src")}
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)

    refused = run("model.depth=0")
    assert (refused.returncode, refused.stderr) == (2, "model.depth=0: must be a whole number above 0\n")
    done = run("model.depth=5", "train.steps=20", "hydra.run.dir=run")
    assert done.returncode == 0, done.stderr
    assert results(tmp_path / "run")["test"]["accuracy"] > 0.3


def test_the_mistake_it_shows_is_what_is_said(tmp_path):
    text = (ROOT / "README.md").read_text()
    arguments, said = re.search(r"\$ python run\.py (\S+)\n    (.+)\n", text).groups()
    command = [sys.executable, str(ROOT / "run.py"), arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"{said}\n")
