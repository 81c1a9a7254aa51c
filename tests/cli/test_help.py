"""The help page: what is in it, and what it does not wait for."""

import subprocess
import sys

import pytest

from tests.support.root import ROOT

SLOW = ("tensorflow", "keras", "pydantic", "numpy", "scipy", "matplotlib", "mlflow")


def run(*arguments: str, cwd, options=()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *options, str(ROOT / "run.py"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "status"), [(["--help"], 0), (["model.hiden=3"], 2), (["model=cn"], 2), (["lr=1"], 2)]
)
def test_help_and_messages_wait_for_nothing_that_is_slow(tmp_path, arguments, status):
    done = run(*arguments, cwd=tmp_path, options=["-X", "importtime"])
    assert done.returncode == status
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "hydra" in imported
    assert not imported & set(SLOW)


def test_the_page_shows_the_choices_that_are_made(tmp_path):
    page = run("model=cnn", "optimizer=sgd", "optimizer.learning_rate=0.5", "--help", cwd=tmp_path).stdout
    assert "\nmodel: cnn, conv-catsdogs, mlp\n" in page
    assert "\noptimizer: adam, adamw, lion, rmsprop, sgd\n" in page
    assert "hydra/launcher:" not in page
    assert "\n  _target_: exp.model.cnn.create\n" in page
    assert "\n  learning_rate: 0.5\n" in page
    assert "  python run.py [GROUP=CHOICE" in page
    assert "$" not in page.replace('eval "$(', "")


def test_configuration_of_ones_own_is_on_the_page(tmp_path):
    (tmp_path / "conf's dir" / "model").mkdir(parents=True)
    (tmp_path / "conf's dir" / "model" / "mine.yaml").write_text("_target_: exp.model.mlp.create\nhidden: 77\n")
    page = run("--config-dir=conf's dir", "model=mine", "--help", cwd=tmp_path).stdout
    assert "\nmodel: cnn, conv-catsdogs, mine, mlp\n" in page
    assert "\n  hidden: 77\n" in page


def test_a_choice_in_a_folder_of_its_own_is_meant(tmp_path):
    (tmp_path / "conf" / "model" / "deep").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "deep" / "err.yaml").write_text("_target_: exp.model.mlp.create\nhidden: 7\n")
    refused = run("--config-dir=conf", "model=deep/er", cwd=tmp_path)
    assert (refused.returncode, refused.stderr) == (
        2,
        "model=deep/er: must be one of cnn, conv-catsdogs, deep/err, mlp; did you mean model=deep/err?\n",
    )


def test_a_sweep_has_a_page_too(tmp_path):
    assert "\n  hidden: 100\n" in run("-m", "seed=1,2", "--help", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model=cn", "--help"], "model=cn: must be one of cnn, conv-catsdogs, mlp; did you mean model=cnn?"),
        (["--help", "model.hiden=3"], "model.hiden: there is no such key; did you mean model.hidden?"),
        (["--config-dir", "nowhere", "--help"], "nowhere"),
    ],
)
def test_what_is_wrong_is_said_instead_of_the_page(tmp_path, arguments, said):
    done = run(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
