"""What a run shows of itself: own figures, histograms, graphs, traces, a profile, and where its time went."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exp.loggers.time_breakdown import WHAT
from tests.support.conf import choices
from tests.support.jobs import Jobs, Runs, results

MODES = choices("exec")
TALKATIVE = [
    *(
        "model._target_=tests.support.models.talkative",
        "trusted_targets=[tests.]",
        "~model.hidden",
        "+model.words=true",
    ),
    *("train.steps=40", "summary.figures=10", "summary.histograms=20", "exec.show_autograph=true"),
]
SINKS = {
    "data": ["exec.steps_per_call=1", "data._target_=tests.support.data_sets.slow", "trusted_targets=[tests.]"],
    "checkpoints": ["checkpoint.every=1", "model.hidden=1000"],
    "summaries": ["summary.histograms=1", "model.hidden=1000"],
}


class Insight:
    """Runs that tell of themselves; they begin when a test first asks for them."""

    def __init__(self, runs: Runs, mnist: Path) -> None:
        self._runs, self._idx = runs, ["data.source=idx", f"data.dir={mnist}"]

    def talkative(self, mode: str, device: str = "all") -> Path:
        """A run that logs everything there is to log, with one replica or two."""
        return self._runs.get(f"{mode}-{device}", f"exec={mode}", f"device={device}", *self._idx, *TALKATIVE)

    def plain(self, histograms: str) -> Path:
        """A run that logs no more than histograms."""
        options = ["train.steps=60", "exec.jit_compile=false", f"summary.histograms={histograms}"]
        return self._runs.get(f"plain-{histograms}", *self._idx, *options)

    def profiled(self, steps: int) -> Path:
        """A run whose steps 11 to 15 are profiled, if there are so many."""
        options = [f"train.steps={steps}", "exec.profile=11,15"]
        more = ["exec.steps_per_call=20"] if steps > 20 else []
        return self._runs.get(f"profiled-{steps}", *self._idx, *options, *more)

    def slow(self, sink: str, mode: str) -> Path:
        """A run in which something takes more than its share of the time."""
        return self._runs.get(f"{sink}-{mode}", f"exec={mode}", "train.steps=40", *self._idx, *SINKS[sink])


@pytest.fixture(scope="module")
def insight(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory, quick_mnist: Path) -> Insight:
    return Insight(Runs(jobs, tmp_path_factory.mktemp("insight")), quick_mnist)


QUICK = ("function", "fit")
"""The modes that are tried with two replicas and with each time sink, whatever time there is: ours and Keras's loop."""


def marked(quick: tuple[str, ...] = QUICK) -> list[Any]:
    """All modes, of which some are slow."""
    return [mode if mode in quick else pytest.param(mode, marks=pytest.mark.slow) for mode in MODES]


def tags(tf, folder: Path) -> dict[str, list[int]]:
    """The steps of each tag in a run's event files; under `graph`, the size of each graph."""
    from tensorflow.core.util.event_pb2 import Event

    found = defaultdict(list)
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)):
            event = Event.FromString(record.numpy())
            if event.graph_def:
                found["graph"].append(len(event.graph_def))
            for value in event.summary.value:
                found[value.tag].append(event.step)
    return dict(found)


@pytest.mark.parametrize("mode", MODES)
def test_own_figures_and_histograms_appear_in_every_mode(tf, insight, mode):
    check_own_figures(tags(tf, insight.talkative(mode)), insight.talkative(mode), mode, large=True)


@pytest.mark.parametrize("mode", marked())
def test_own_figures_and_histograms_appear_with_two_replicas(tf, insight, mode):
    run = insight.talkative(mode, "virtual")
    check_own_figures(tags(tf, run), run, mode, large=mode != "fit")
    if mode == "fit":
        assert "exec=fit with several replicas shows scalars only" in (run / "run.log").read_text()


def check_own_figures(found: dict[str, list[int]], run: Path, mode: str, *, large: bool) -> None:
    """Fails unless the model's figures are there, and the histograms; `large` tells whether more than scalars are."""
    assert found["MyScalar"] == [10, 20, 30, 40]
    assert found["weights/sequential/dense/kernel"] == [20, 40]
    for tag in ("digits/first/0", "digits/first/2", "sound/1", "pixels", "words"):
        assert found.get(tag) == ([10, 20, 30, 40] if large else None)
    if mode == "fit":
        assert not any(tag.startswith("gradients/") for tag in found)
        assert "Keras keeps its gradients to itself" in (run / "run.log").read_text()
    else:
        assert found["gradients/sequential/dense/bias"] == [20, 40]


def own_scalars(run: Path) -> list[float]:
    return [json.loads(line)["MyScalar"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_own_scalars_are_the_same_everywhere_and_true(insight, quick_mnist):
    expected = own_scalars(insight.talkative("eager"))
    for mode in MODES:
        np.testing.assert_allclose(own_scalars(insight.talkative(mode)), expected, rtol=1e-6)
    np.testing.assert_allclose(own_scalars(insight.talkative("function", "virtual")), expected, rtol=1e-6)

    from exp.data import Order

    rows_of_step_10 = Order(seed=0, size=60_000, buffer_size=10_000, batch_size=50).steps(9, 1)[0]
    pixels = np.frombuffer((quick_mnist / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    assert expected[0] == pytest.approx(pixels.reshape(60_000, -1)[rows_of_step_10].mean() / 255, rel=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_logging_changes_no_weight(insight, mode):
    here, there = (results(insight.talkative(m))["weights_sha256"] for m in (mode, "function"))
    assert here == there


@pytest.mark.parametrize("mode", marked())
def test_logging_changes_no_weight_with_two_replicas(insight, mode):
    here, there = (results(insight.talkative(m, "virtual"))["weights_sha256"] for m in (mode, "function"))
    assert here == there


def test_histograms_change_no_weight(insight):
    without, with_them = (results(insight.plain(histograms)) for histograms in ("null", "20"))
    assert without["weights_sha256"] == with_them["weights_sha256"]


@pytest.mark.parametrize("mode", MODES)
def test_autograph_and_graphs(tf, insight, mode):
    run = insight.talkative(mode)
    code = (run / "autograph.py").read_text()
    assert "def tf__train_step" in code
    assert "ag__.if_stmt" in code
    compile(code.replace("\n    def tf__", "\nif True:\n    def tf__"), "autograph.py", "exec")  # to_code indents
    assert len(tags(tf, run).get("graph", [])) == (0 if mode == "eager" else 1)


def test_every_graph_is_traced_once(insight):
    counts = {mode: results(insight.talkative(mode))["traces"] for mode in MODES}
    assert counts == {"eager": 0, "function": 3, "session": 3, "fit": 2}
    functions = {trace["function"] for trace in results(insight.talkative("function"))["trace_list"]}
    assert functions == {"train", "detailed", "test"}
    assert all("was traced" not in (insight.talkative(mode) / "run.log").read_text() for mode in MODES)


def test_steps_are_profiled(insight):
    profiled, unprofiled = insight.profiled(30), insight.profiled(10)
    assert list((profiled / "plugins/profile").glob("*/*.xplane.pb"))
    assert "profiled steps 11 to 15" in (profiled / "run.log").read_text()
    assert not (unprofiled / "plugins").exists()
    assert "training ended after step 10, before it began" in (unprofiled / "run.log").read_text()


@pytest.mark.parametrize("mode", marked())
@pytest.mark.parametrize(
    ("sink", "words"),
    [
        ("data", "is waiting for data: the data set itself is slow"),
        ("checkpoints", "is saving checkpoints: try checkpoint.every="),
        ("summaries", "is writing summaries: try summary.histograms=10 instead of 1"),
    ],
)
def test_each_time_sink_is_named(insight, sink, words, mode):
    time = results(insight.slow(sink, mode))["time"]
    advice = time.pop("advice")
    assert sum(share or 0 for share in time.values()) == pytest.approx(1)
    if (sink, mode) == ("data", "fit"):
        assert time["data_wait"] is None  # Keras fetches the batches inside its graph
        assert time["computing"] > 0.5
    else:
        assert words in advice


def test_a_plain_run_needs_no_advice(insight):
    time = results(insight.talkative("function"))["time"]
    assert time["advice"] is None or "%" in time["advice"]
    assert set(time) == {"advice", *WHAT}
