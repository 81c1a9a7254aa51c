"""Comparing folders that somebody else has made: what they hold is shown as text, or named and left out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from exp.compare.runs import read_run
from tests.support.comparing import compare, write_run
from tests.support.root import ROOT
from tests.support.strangers import BAD_FILES, BAD_JSON, BAD_YAML, DEEP

FILES = ("manifest.json", "results.json", ".hydra/config.yaml")


def put_bad(path: Path, kind: str, texts: dict[str, tuple[str, str]]) -> str:
    """Put something in the place of a file; returns the reason that is to be given."""
    path.unlink()
    if kind in BAD_FILES:
        BAD_FILES[kind][0](path)
        return BAD_FILES[kind][1]
    path.write_text(texts[kind][0])
    return texts[kind][1]


@pytest.mark.parametrize("name", FILES)
def test_a_bad_run_is_named_and_the_others_are_compared(tmp_path, name):
    write_run(tmp_path / "good", accuracy=0.9)
    texts, reasons = BAD_YAML if name.endswith("yaml") else BAD_JSON, {}
    for number, kind in enumerate([*BAD_FILES, *texts]):
        folder = tmp_path / f"bad{number}"
        write_run(folder, accuracy=0.5)
        reasons[folder] = put_bad(folder / name, kind, texts)
    done = compare(tmp_path, "--csv")
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) == 2
    lines = done.stderr.splitlines()
    assert len(lines) == len(reasons)
    for folder, reason in reasons.items():
        (line,) = [line for line in lines if line.startswith(f"left out: {folder / name}: ")]
        assert reason in line


@pytest.mark.parametrize("name", FILES)
def test_where_no_run_is_good_the_status_is_2(tmp_path, name):
    write_run(tmp_path / "bad", accuracy=0.5)
    (tmp_path / "bad" / name).write_text(DEEP)
    for arguments in ([tmp_path], ["--diff", tmp_path / "bad", tmp_path / "bad"]):
        done = compare(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{tmp_path / 'bad' / name}: ")
        assert len(done.stderr.splitlines()) == 1


def test_text_is_text(tmp_path, monkeypatch):
    """Markup, control characters, a formula, a separator of Markdown."""
    monkeypatch.setenv("COLUMNS", "200")
    write_run(tmp_path / "z[red]y1", accuracy=0.9)
    write_run(tmp_path / "z[red]y2|:smile:", accuracy=0.5, model="cnn")
    config = tmp_path / "z[red]y1" / ".hydra" / "config.yaml"
    config.write_text(config.read_text() + 'note: "[/red]\\e[2J$\\\\frac{1$ _x \\u202e|"\n')
    results = tmp_path / "z[red]y1" / "results.json"
    results.write_text(json.dumps({**json.loads(results.read_text()), "status": "\x1b]0;title\x07"}))
    for arguments in ([], ["--csv"], ["--markdown"], ["--plot", tmp_path / "plot.png"]):
        done = compare(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
        for text in ("z[red]y1", "z[red]y2", ":smile:", "[/red]"):
            assert text in done.stdout
        assert r"\x1b[2J" in done.stdout
        assert r"\x1b]0;title\x07" in done.stdout
        assert not set("\x1b\x07\u202e") & set(done.stdout)
    rows = [line for line in compare(tmp_path, "--markdown").stdout.splitlines() if line.startswith("|")]
    assert len({line.replace(r"\|", "").count("|") for line in rows}) == 1
    done = compare("--diff", tmp_path / "z[red]y1", tmp_path / "z[red]y2|:smile:")
    assert r"  status: \x1b]0;title\x07 | completed" in done.stdout.splitlines()


def test_figures_of_later_versions_may_be_anything(tmp_path):
    write_run(tmp_path / "1", accuracy=0.9)
    path = tmp_path / "1" / "results.json"
    more = {"best": {"metric": "test/loss", "value": None}, "curve": [[1, 2], {"a": "b"}], "deep": {"er": {"x": []}}}
    path.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    write_run(tmp_path / "2", accuracy=0.9, seed=1)
    for arguments in (
        [],
        ["--sort", "curve"],
        ["--sort", "best.metric", "--each"],
        ["--where", "best.metric=test/loss"],
    ):
        done = compare(tmp_path, *arguments)
        assert done.returncode == 0, done.stderr
    assert read_run(tmp_path / "1").results["best.metric"] == "test/loss"


def test_a_log_that_cannot_be_read_is_named(tmp_path):
    write_run(tmp_path / "1", accuracy=0.9)
    (tmp_path / "1" / "metrics.jsonl").write_text('{"step": "x", "loss": {}}\n')
    done = compare(tmp_path, "--plot", tmp_path / "plot.png")
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/1/metrics.jsonl: line 1: step=x: must be a valid integer\n"


def test_a_hundred_mixed_runs_are_readable_at_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for number in range(100):
        folder = tmp_path / f"2026-11-24_05-13-{number}_{'cnn_mnist_function_virtual_' * (1 + number % 5)}"
        write_run(folder, accuracy=number / 100, model=("mlp", "cnn")[number % 2], batch_size=number % 7 + 1)
        config = folder / ".hydra" / "config.yaml"
        more = {f"key_{key}": {f"of_group_{key}": f"value {number % (key + 2)} {'long ' * key}"} for key in range(12)}
        config.write_text(config.read_text() + "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items()))
    lines = compare(tmp_path, "--sort", "test/accuracy").stdout.splitlines()
    table, (empty, named) = lines[:-2], lines[-2:]
    assert len(table) <= 100 + 6
    assert max(map(len, table)) <= 80
    assert table[-1].split()[-1] == "0.00%"
    assert empty == ""
    assert named.startswith("no room for ")
    assert "key_11.of_group_11" in named
    assert "--keys" in named
    shown = compare(tmp_path, "--keys", "key_11.of_group_11,test/accuracy").stdout.splitlines()
    assert shown[0].split() == ["run", "key_11.of_group_11", "n", "test/accuracy"]
    assert "value 99 " not in shown[0]
    whole = compare(tmp_path, "--markdown").stdout.splitlines()
    assert "key_11.of_group_11" in whole[0]
    refused = compare(tmp_path, "--keys", "model,tets/accuracy")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "--keys tets/accuracy: no run has such a key; did you mean test/accuracy?\n"


def test_seeds_that_were_run_again_are_not_more_seeds(tmp_path):
    for sweep in ("one", "two"):
        for seed in range(6):
            write_run(tmp_path / sweep / f"seed-{seed}", accuracy=0.9, seed=seed)
    assert "seed-0 +11  6 (6 reruns)  completed" in compare(tmp_path).stdout
    assert "seed-0 +5  6  completed" in compare(tmp_path / "one").stdout
    write_run(tmp_path / "three" / "a", accuracy=0.9)
    write_run(tmp_path / "three" / "b", accuracy=0.9)
    shown = compare(tmp_path / "three").stdout
    assert "a +1  1 (1 rerun)  completed" in shown
    assert "determinism: seed 0 of a +1 gave other weights when it ran again" in shown


def test_names_that_are_no_text_are_shown(tmp_path):
    folder = tmp_path / os.fsdecode(b"name\xff")
    write_run(folder, accuracy=0.9)
    done = compare(tmp_path)
    assert done.returncode == 0, done.stderr
    assert r"name\udcff" in done.stdout


def test_a_run_that_failed_before_it_began_is_not_forgotten(tmp_path):
    """It has results, and neither a manifest nor a configuration."""
    write_run(tmp_path / "good", accuracy=0.9)
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "results.json").write_text(json.dumps({"status": "failed", "error": "out of memory"}))
    done = compare(str(tmp_path))
    assert done.returncode == 0
    assert f"left out: {tmp_path / 'failed'}: is not the folder of a run" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_table_that_cannot_be_written_is_no_success(tmp_path):
    write_run(tmp_path / "good", accuracy=0.9)
    command = [sys.executable, str(ROOT / "scripts" / "compare.py"), str(tmp_path), "--csv"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("stdout: cannot be written (No space left on device)")
