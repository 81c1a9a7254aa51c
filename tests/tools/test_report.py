"""Reports: one file that says what the run folders say, and is found out if it does not."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.comparing import NO_TENSORFLOW, write_registered, write_run
from tests.support.programs import LIGHT
from tests.support.root import ROOT

MLP = [0.9701, 0.9723, 0.9718, 0.9695, 0.9710]
CNN = [0.9821, 0.9840, 0.9835, 0.9818, 0.9829]


def report(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    program = str(ROOT / "scripts" / "report.py")
    return LIGHT.run("-c", NO_TENSORFLOW, program, *map(str, arguments), cwd=cwd)


@pytest.fixture
def sweep(tmp_path):
    for model, values in (("mlp", MLP), ("cnn", CNN)):
        for seed, accuracy in enumerate(values):
            write_run(tmp_path / "sweep" / f"{model}{seed}", accuracy=accuracy, model=model, seed=seed)
    return tmp_path


@pytest.fixture
def written(sweep):
    done = report("sweep", "--against", "model=mlp", cwd=sweep)
    assert (done.returncode, done.stdout, done.stderr) == (0, "report.html\n", "")
    return sweep / "report.html"


def test_a_report_says_what_the_folders_say(written, sweep):
    text = written.read_text()
    assert "<b>model=cnn: better</b>: +11.92 points, 95 % interval +11." not in text
    assert "<b>model=cnn: better</b>: +1.19 points, 95 % interval +1.1" in text
    assert "post hoc" in text
    assert not re.search(r"(?:src|href)=.?(?:https?:)?//", text)
    done = report("--verify", "report.html", cwd=sweep)
    assert (done.returncode, done.stdout) == (0, "report.html: every figure is as 10 run folders say\n")
    first = written.read_bytes()
    assert report("sweep", "--against", "model=mlp", cwd=sweep).returncode == 0
    assert written.read_bytes() == first


@pytest.mark.parametrize("name", ["results.json", "metrics.jsonl", ".hydra/config.yaml", "manifest.json"])
def test_one_byte_that_was_changed_is_named(written, sweep, name):
    path = sweep / "sweep" / "cnn3" / name
    path.write_bytes(path.read_bytes() + b" ")
    done = report("--verify", "report.html", cwd=sweep)
    assert done.returncode == 1
    assert done.stdout == f"cnn3/{name}: is not as it was when the report was written\n"


def test_figures_that_were_changed_are_named(written, sweep):
    path = sweep / "sweep" / "cnn3" / "results.json"
    path.write_text(path.read_text().replace("0.9818", "0.9918"))
    done = report("--verify", "report.html", cwd=sweep)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "cnn3/results.json: is not as it was when the report was written"
    assert "comparisons[0].difference: the report says 0.0119" in done.stdout


def test_runs_that_came_and_went_are_named(written, sweep):
    shutil.rmtree(sweep / "sweep" / "cnn3")
    write_run(sweep / "sweep" / "cnn9", accuracy=0.99, model="cnn", seed=9)
    done = report("--verify", "report.html", cwd=sweep)
    assert done.returncode == 1
    assert {"cnn3: is not there any more", "cnn9: is not in the report"} <= set(done.stdout.splitlines())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("+1.19 points", "+9.19 points", "report.html: does not show the figures that it holds"),
        ('"verdict": "better"', '"verdict": "identical"', "comparisons[0].verdict: the report says"),
        ("<h2>Runs</h2>", "<h2>Runs</h2><p>and more</p>", "report.html: does not show the figures that it holds"),
    ],
)
def test_a_page_that_was_changed_is_found_out(written, sweep, before, after, said):
    text = written.read_text()
    assert before in text
    written.write_text(text.replace(before, after))
    done = report("--verify", "report.html", cwd=sweep)
    assert done.returncode == 1
    assert said in done.stdout


INJECTED = (
    'src="data:image/svg+xml;base64,<script>document.body.innerHTML=1</script><h1>model=cnn: worse</h1>"',
    "<script>alert(1)</script>",
    '<img alt="x" src="data:image/svg+xml;base64,QQ==">',
)


@pytest.mark.parametrize("injected", INJECTED)
def test_what_was_added_to_a_page_is_found_out(written, sweep, injected):
    written.write_text(written.read_text().replace("<h2>Comparisons</h2>", f"<h2>Comparisons</h2>{injected}"))
    done = report("--verify", "report.html", cwd=sweep)
    assert (done.returncode, done.stdout) == (1, "report.html: does not show the figures that it holds\n")


def test_another_picture_is_found_out(written, sweep):
    first = re.search(r"base64,([A-Za-z0-9+/=]+)", written.read_text())[1]
    written.write_text(written.read_text().replace(first, "PHN2Zy8+"))
    done = report("--verify", "report.html", cwd=sweep)
    assert (done.returncode, done.stdout) == (1, "report.html: its pictures are not those of its figures\n")
    written.write_text(re.sub(r'"drawn_by": "matplotlib [^"]*"', '"drawn_by": "matplotlib 0.1"', written.read_text()))
    done = report("--verify", "report.html", cwd=sweep)
    assert done.returncode == 0
    assert "its pictures are of another version of Matplotlib, and were not compared" in done.stdout


@pytest.mark.parametrize(
    "change",
    [
        {"asked": {"places": ["--help"], "where": []}},
        {"question": {"baseline": {"model": "mlp"}, "metric": "test/accuracy", "goal": "sideways"}},
        {"runs": [{"run": [], "files": ["x"]}]},
        {"runs": "x"},
    ],
)
def test_reports_of_strangers(written, sweep, change):
    text = written.read_text()
    begin, _, rest = text.partition('id="findings">')
    data, end, tail = rest.partition("</script>")
    changed = json.dumps({**json.loads(data), **change})
    written.write_text(f'{begin}id="findings">{changed}{end}{tail}')
    done = report("--verify", "report.html", cwd=sweep)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1


def test_from_anywhere_and_of_folders_that_were_moved(sweep, tmp_path_factory):
    """Also a question that is undecided, whose next command depends on where one stands."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (sweep / "two").mkdir()
    for seed in range(3):
        (sweep / "sweep" / f"cnn{seed}").rename(sweep / "two" / f"cnn{seed}")
    given = ["sweep", sweep / "two", "--against", "model=mlp", "--metric", "train/loss"]
    assert report(*given, cwd=sweep).returncode == 0
    said = "every figure is as 10 run folders say\n"
    for cwd, arguments in (
        (elsewhere, [sweep / "report.html"]),
        (sweep, ["report.html", "two", "sweep"]),
        (sweep, ["report.html", sweep / "two", "sweep"]),
    ):
        done = report("--verify", *arguments, cwd=cwd)
        assert (done.returncode, done.stdout.endswith(said)) == (0, True), done.stdout + done.stderr
    (sweep / "other").mkdir()
    (sweep / "two").rename(sweep / "other" / "two")
    assert report("--verify", "report.html", cwd=sweep).returncode == 2
    done = report("--verify", "report.html", "sweep", "other/two", cwd=sweep)
    assert (done.returncode, done.stdout.endswith(said)) == (0, True)


def test_only_some_of_the_runs(sweep):
    for seed in range(2):
        write_run(sweep / "sweep" / f"other{seed}", accuracy=0.5, seed=seed, config="tag: bad\n")
    given = ["--against", "model=mlp", "--where", "tag=null"]
    assert report("sweep", *given, cwd=sweep).returncode == 0
    assert "Only runs with tag=null are looked at." in (sweep / "report.html").read_text()
    assert report("--verify", "report.html", cwd=sweep).returncode == 0
    assert (sweep / "sweep" / "looks.jsonl").is_file()


def test_what_json_does_not_have(tmp_path):
    for seed, (mlp, cnn) in enumerate(zip(MLP, CNN, strict=True)):
        write_run(tmp_path / "s" / f"m{seed}", accuracy=mlp, seed=seed, config="note: .inf\n")
        more = {"config": "note: .nan\n", "manifest": {"git": {"commit": "\ud800x", "dirty": False}}}
        write_run(tmp_path / "s" / f"c{seed}", accuracy=cnn, model="cnn", seed=seed, **more)
    assert report("s", "--against", "model=mlp", cwd=tmp_path).returncode == 0
    done = report("--verify", "report.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_options_are_part_of_the_question(sweep):
    options = ["--against", "model=mlp", "--metric", "train/loss", "--at", "step=50", "--margin", "0.5", "-o", "a.html"]
    assert report("sweep", *options, "--where", "data.batch_size=50", cwd=sweep).returncode == 0
    assert "train/loss at step=50, compared with model=mlp" in (sweep / "a.html").read_text()
    done = report("--verify", "a.html", cwd=sweep)
    assert (done.returncode, done.stderr) == (0, "")


def test_text_is_text(tmp_path):
    evil = "</script><script>alert(1)</script>&<img src=//x>"
    for seed, accuracy in enumerate(MLP):
        write_run(tmp_path / "s" / f"<b>m{seed}", accuracy=accuracy, seed=seed)
        more = {"config": f"note: {json.dumps(evil)}\n", "manifest": {"git": {"commit": evil, "dirty": False}}}
        write_run(tmp_path / "s" / f"c{seed}", accuracy=CNN[seed], model="cnn", seed=seed, **more)
    assert report("s", "--against", "model=mlp", "--accept", "note", cwd=tmp_path).returncode == 0
    text = (tmp_path / "report.html").read_text()
    for part in ("<script>alert", "<img src=//x", "<b>m0"):
        assert part not in text
    assert text.count("<script") == 2
    assert "'unsafe-inline'; script-src 'sha256-" in text
    assert report("--verify", "report.html", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "DIR and a question"),
        (["sweep", "--against", "model=nn"], "--against model=nn: no run is like this"),
        (["sweep", "--against", "model=mlp", "-o", "thesis.html"], "--output thesis.html: there is another file"),
        (["--verify", "thesis.html"], "thesis.html: cannot be checked: it is no report"),
        (["--verify", "absent.html"], "absent.html"),
        (["--verify", "half.html"], "half.html: cannot be checked: it is no report"),
        (["--verify", "thesis.html", "--against", "model=mlp"], "--against: the question of a report is in it"),
        (["sweep", "--against", "model=mlp", "--again", "2"], "--again: goes with --verify"),
        (["--verify", "thesis.html", "--again", "-1"], "must be at least 0"),
        (["sweep", "--against", "model=mlp", "-o", "nowhere/r.html"], "--output nowhere/r.html: cannot be written"),
    ],
)
def test_mistakes_are_named(sweep, arguments, message):
    (sweep / "thesis.html").write_text("mine")
    (sweep / "half.html").write_text('<script type="application/json" id="findings">{"question": {}}</script>')
    done = report(*arguments, cwd=sweep)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (sweep / "thesis.html").read_text() == "mine"


def test_a_report_of_searches(tmp_path):
    for model, values in (("mlp", MLP), ("cnn", CNN[:3])):
        for place, accuracy in enumerate(values):
            validation = {"loss": 0.1, "accuracy": 0.9 - place / 100, "examples": 10, "step": 100}
            folder = tmp_path / "search" / f"{model}{place}"
            given = {"model": model, "learning_rate": 10.0**-place, "results": {"validation": validation}}
            write_run(folder, accuracy=accuracy, **given)
    asked = ("search", "--against", "model=mlp")
    assert report(*asked, "--trials", cwd=tmp_path).returncode == 0
    text = (tmp_path / "report.html").read_text()
    assert "test/accuracy of the trial with the best validation/accuracy among k trials" in text
    row = '<td>model=cnn</td><td class=number>3</td><td class=number data-value="0.9821">0.9821</td>'
    assert row in text
    assert text.count("<td>model=mlp</td><td class=number>") == 4  # 1, 2, 3 and 5 trials
    assert text.count("<img") == 3
    assert str(tmp_path) not in text
    done = report("--verify", "report.html", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "report.html: every figure is as 8 run folders say\n")
    (tmp_path / "report.html").write_text(text.replace('"k": 3', '"k": 4', 1))
    done = report("--verify", "report.html", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("trials.groups[0].expected[2].k: the report says 4, and the run folders 3")
    assert report(*asked, "-o", "without.html", cwd=tmp_path).returncode == 0
    assert "What a search would find" not in (tmp_path / "without.html").read_text()
    refused = report("--verify", "report.html", "--trials", cwd=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_a_registered_question_is_answered_and_checked(tmp_path):
    write_registered(tmp_path / "sweep")
    assert report("sweep", "--registered", "-o", "r.html", cwd=tmp_path).returncode == 0
    assert (
        "Registered: the question was written down 2026-01-02T03:04:05, before the" in (tmp_path / "r.html").read_text()
    )
    assert report("--verify", "r.html", cwd=tmp_path).returncode == 0
    ledger = tmp_path / "sweep" / "sweep.json"
    ledger.write_text(ledger.read_text().replace('"seeds": 3', '"seeds": 2'))
    checked = report("--verify", "r.html", cwd=tmp_path)
    assert checked.returncode == 1
    assert "registered.status: the report says" in checked.stdout


def test_without_a_registered_question_there_is_no_registered_answer(sweep):
    refused = report("sweep", "--registered", cwd=sweep)
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (2, "--registered")
