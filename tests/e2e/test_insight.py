"""What a run shows of itself: own figures, histograms, graphs, traces, a profile, and where its time went."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from tests.support.conf import choices
from tests.support.jobs import Jobs, results

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


@pytest.fixture(scope="module")
def runs(jobs: Jobs, tmp_path_factory: pytest.TempPathFactory, quick_mnist: Path) -> Path:
    """Every mode, with one and two replicas, logs everything there is to log; and every mode with each time sink."""
    folder = tmp_path_factory.mktemp("insight")
    idx = ["data.source=idx", f"data.dir={quick_mnist}"]

    def line(name: str, *options: str) -> list[str]:
        return [*options, f"hydra.run.dir={name}"]

    lists = [
        [line(f"{mode}-{device}", f"exec={mode}", f"device={device}", *idx, *TALKATIVE) for mode in MODES]
        for device in ("all", "virtual")
    ]
    lists[0].append(line("profiled", *idx, "train.steps=30", "exec.steps_per_call=20", "exec.profile=11,15"))
    lists[0].append(line("unprofiled", *idx, "train.steps=10", "exec.profile=11,15"))
    plain = [*idx, "train.steps=60", "exec.jit_compile=false"]
    for number, histograms in enumerate(("null", "20")):
        lists[0].append(line(f"plain{number}", *plain, f"summary.histograms={histograms}"))
    lists += [
        [line(f"{name}-{mode}", f"exec={mode}", "train.steps=40", *options) for mode in MODES]
        for name, options in SINKS.items()
    ]
    # Collectives of one process count on: runs with two replicas get a process each.
    lists[1:2] = [[one] for one in lists[1]]
    for started in [jobs.start_many(lines, folder) for lines in lists]:
        for done in started.result():
            done.check()
    return folder


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


@pytest.mark.parametrize("device", ["all", "virtual"])
@pytest.mark.parametrize("mode", MODES)
def test_own_figures_and_histograms_appear_in_every_mode(tf, runs, mode, device):
    found = tags(tf, runs / f"{mode}-{device}")
    assert found["MyScalar"] == [10, 20, 30, 40]
    assert found["weights/sequential/dense/kernel"] == [20, 40]
    large = {"digits/first/0", "digits/first/2", "sound/1", "pixels", "words"}
    if mode == "fit" and device == "virtual":
        assert not large & found.keys()
        assert "exec=fit with several replicas shows scalars only" in (runs / "fit-virtual/run.log").read_text()
    else:
        assert all(found[tag] == [10, 20, 30, 40] for tag in large)
    if mode == "fit":
        assert not any(tag.startswith("gradients/") for tag in found)
        assert "Keras keeps its gradients to itself" in (runs / f"fit-{device}/run.log").read_text()
    else:
        assert found["gradients/sequential/dense/bias"] == [20, 40]


def test_own_scalars_are_the_same_everywhere_and_true(runs, quick_mnist):
    rows = {
        path.name: [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        for path in runs.glob("*-all")
    }
    assert set(rows) == {f"{mode}-all" for mode in MODES}
    first = {name: [row["MyScalar"] for row in lines] for name, lines in rows.items()}
    for values in first.values():
        np.testing.assert_allclose(values, first["eager-all"], rtol=1e-6)
    virtual = [
        json.loads(line)["MyScalar"] for line in (runs / "function-virtual/metrics.jsonl").read_text().splitlines()
    ]
    np.testing.assert_allclose(virtual, first["eager-all"], rtol=1e-6)

    from exp.data import Order

    rows_of_step_10 = Order(seed=0, size=60_000, buffer_size=10_000, batch_size=50).steps(9, 1)[0]
    pixels = np.frombuffer((quick_mnist / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    assert first["eager-all"][0] == pytest.approx(pixels.reshape(60_000, -1)[rows_of_step_10].mean() / 255, rel=1e-5)


def test_logging_changes_no_weight(runs):
    for device in ("all", "virtual"):
        assert len({results(runs / f"{mode}-{device}")["weights_sha256"] for mode in MODES}) == 1
    assert results(runs / "plain0")["weights_sha256"] == results(runs / "plain1")["weights_sha256"]


@pytest.mark.parametrize("mode", MODES)
def test_autograph_and_graphs(tf, runs, mode):
    code = (runs / f"{mode}-all/autograph.py").read_text()
    assert "def tf__train_step" in code
    assert "ag__.if_stmt" in code
    compile(code.replace("\n    def tf__", "\nif True:\n    def tf__"), "autograph.py", "exec")  # to_code indents
    assert len(tags(tf, runs / f"{mode}-all").get("graph", [])) == (0 if mode == "eager" else 1)


def test_every_graph_is_traced_once(runs):
    counts = {mode: results(runs / f"{mode}-all")["traces"] for mode in MODES}
    assert counts == {"eager": 0, "function": 3, "session": 3, "fit": 2}
    functions = {trace["function"] for trace in results(runs / "function-all")["trace_list"]}
    assert functions == {"train", "detailed", "test"}
    assert all("was traced" not in (runs / f"{mode}-all/run.log").read_text() for mode in MODES)


def test_steps_are_profiled(runs):
    assert list((runs / "profiled/plugins/profile").glob("*/*.xplane.pb"))
    assert "profiled steps 11 to 15" in (runs / "profiled/run.log").read_text()
    assert not (runs / "unprofiled/plugins").exists()
    assert "training ended after step 10, before it began" in (runs / "unprofiled/run.log").read_text()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("sink", "words"),
    [
        ("data", "is waiting for data: the data set itself is slow"),
        ("checkpoints", "is saving checkpoints: try checkpoint.every="),
        ("summaries", "is writing summaries: try summary.histograms=10 instead of 1"),
    ],
)
def test_each_time_sink_is_named(runs, sink, words, mode):
    time = results(runs / f"{sink}-{mode}")["time"]
    advice = time.pop("advice")
    assert sum(share or 0 for share in time.values()) == pytest.approx(1)
    if (sink, mode) == ("data", "fit"):
        assert time["data_wait"] is None  # Keras fetches the batches inside its graph
        assert time["computing"] > 0.5
    else:
        assert words in advice


def test_a_plain_run_needs_no_advice(runs):
    time = results(runs / "function-all")["time"]
    assert time["advice"] is None or "%" in time["advice"]
    assert set(time) == {"first_call", "data_wait", "computing", "summaries", "checkpoints", "tests", "advice"}
