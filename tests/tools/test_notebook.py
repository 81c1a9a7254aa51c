"""`exp.train`, `exp.load` and `exp.runs` in a notebook that runs, with a kernel of its own."""

import re
import subprocess
import sys

import nbclient
import nbformat
import pytest

from tests.support.jobs import results
from tests.support.sweeping import wait_for

TRAINED = 'row = exp.train(["train.steps=40", "data.limit=1000", "hydra.run.dir=outputs/run"], quiet=True)'


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """Runs cells one after the other in one kernel; gives what the last one shows."""
    folder = tmp_path_factory.mktemp("notebook")
    client = nbclient.NotebookClient(
        nbformat.v4.new_notebook(), timeout=240, resources={"metadata": {"path": str(folder)}}
    )

    with client.setup_kernel():

        def run(*lines: str) -> str:
            cell = nbformat.v4.new_code_cell("\n".join(lines))
            client.nb.cells.append(cell)
            client.execute_cell(cell, len(client.nb.cells) - 1)
            shown = [one.get("text") or one["data"]["text/plain"] for one in cell.outputs]
            return "".join(shown)

        run.folder = folder
        run("import exp, numpy as np", TRAINED)
        yield run


def test_a_run_is_that_of_the_command_line(notebook):
    assert notebook("row['run'], row['status'], row['train.steps']") == "('outputs/run', 'completed', 40)"
    assert results(notebook.folder / "outputs" / "run")["status"] == "completed"
    assert notebook("[one['weights_sha256'] == row['weights_sha256'] for one in exp.runs('outputs')]") == "[True]"


def test_what_a_run_says_is_shown(notebook):
    said = notebook("exp.train(['train.steps=10', 'data.limit=100', 'resume=outputs/run'][2:])['step']")
    assert "this run is completed; nothing is left to do" in said
    assert said.endswith("40")


def test_a_model_is_loaded_with_its_weights(notebook):
    notebook("before = np.random.get_state()[1].copy()", "loaded = exp.load(row['run'])")
    assert notebook("bool((np.random.get_state()[1] == before).all())") == "True"
    assert notebook("loaded.weights_sha256 == row['weights_sha256'], loaded.step") == "(True, 40)"
    assert notebook("loaded.model.name, loaded.class_names[:2]") == "('mlp', ('0', '1'))"
    assert notebook("loaded.config['train']['steps'], loaded.config['mode']") == "(40, 'train')"
    notebook("features, targets = loaded.examples(10_000, split='test')", "given = loaded.predict(features)")
    assert notebook("features.dtype.name, features.shape") == "('uint8', (10000, 28, 28, 1))"
    accuracy = "(given['probabilities'].argmax(1) == targets).mean()"
    assert notebook(f"bool(abs({accuracy} - row['test/accuracy']) < 1e-6)") == "True"
    assert notebook("bool(np.allclose(given['probabilities'].sum(1), 1, atol=1e-5))") == "True"


def test_a_model_is_loaded_beside_other_work(notebook):
    """TensorFlow has computed, Hydra is in use, and several threads load at once."""
    shown = notebook(
        "import concurrent.futures, hydra, tensorflow as tf",
        "tf.constant(1.0) + 1",
        "with hydra.initialize(version_base=None, config_path=None):",
        "    with concurrent.futures.ThreadPoolExecutor(2) as pool:",
        "        both = list(pool.map(exp.load, [row['run']] * 2))",
        "    print(hydra.core.global_hydra.GlobalHydra.instance().is_initialized())",
        "[one.weights_sha256 == row['weights_sha256'] for one in both]",
    )
    assert shown == "True\n[True, True]"


def test_examples_with_weights_come_apart(notebook):
    shown = notebook(
        "draw = np.random.default_rng(0)",
        "x, y = draw.normal(size=(60, 3)).astype('float32'), draw.integers(0, 2, 60).astype('int32')",
        "w = draw.uniform(size=60).astype('float32')",
        "np.savez('w.npz', x_train=x, y_train=y, w_train=w, x_test=-x, y_test=y, w_test=w)",
        "of_weights = exp.train(['data=arrays', 'data.file=w.npz', 'train.steps=3'], quiet=True)",
        "weighted = exp.load(of_weights['run'])",
        "features, targets = weighted.examples(60, split='test')",
        "right = weighted.predict(features)['probabilities'].argmax(1) == targets",
        "mean = np.average(right, weights=weighted.weights(60, split='test'))",
        "right.shape, bool(abs(mean - of_weights['test/accuracy']) < 1e-5), loaded.weights(3, split='test')",
    )
    assert shown == "((60,), True, None)"


def test_what_is_wrong_is_said_in_a_sentence(notebook):
    def refused(line: str) -> str:
        shown = notebook("try:", f"    {line}", "except exp.errors.UserError as error:", "    print(error, end='')")
        return re.sub(r"\s+", " ", shown)

    notebook("import exp.errors")
    assert refused("exp.train(['model=cn'])").startswith("model=cn: must be one of cnn, conv-catsdogs, mlp")
    assert refused("exp.train('model=cnn')").startswith("overrides=model=cnn: must be a list")
    for wrong in ("['-m', 'seed=1,2']", "['new', 'evil']", "[3]", "['a=\\0']"):
        assert "options and sweeps are for the command line" in refused(f"exp.train({wrong})")
    assert refused("exp.train(['hydra.mode=MULTIRUN', 'seed=1,2'])").startswith("overrides: hydra.mode=MULTIRUN: there")
    assert refused("exp.load(row['run'], ['resume=x'])") == (
        "overrides: resume=x: the run that is loaded is outputs/run; leave it out"
    )
    assert refused("loaded.examples(3.0, split='test')").startswith("count=3.0: must be 1 to 10000")
    assert refused("loaded.predict(np.ma.masked_array(features))").startswith("features: are masked")
    assert refused("exp.load('nowhere')") == "exp.load=nowhere: there is no such folder"
    assert "only these can be given anew" in refused("exp.load(row['run'], ['model=cnn'])")
    assert refused("loaded.predict(features / 255)").endswith("must be uint8 (n, 28, 28, 1), as the data set has them")
    assert "must have the structure" in refused("loaded.predict({'x': features})")
    assert refused("loaded.examples(3, split='validation')").startswith("split=validation: this data set has no such")


def test_a_run_that_diverges_is_an_error_and_its_folder_is_named(notebook):
    wild = "'optimizer=sgd', 'optimizer.learning_rate=1e30', 'train.steps=5'"
    line = f"exp.train([{wild}, 'hydra.run.dir=outputs/d'], quiet=True)"
    shown = notebook("try:", f"    {line}", "except exp.errors.RunFailed as error:", "    print(error)")
    assert shown.startswith("outputs/d: the loss of step 2 is nan")
    assert results(notebook.folder / "outputs" / "d")["status"] == "diverged"


def test_a_run_ends_with_the_program_that_began_it(notebook):
    folder = notebook.folder
    code = "import exp; exp.train(['train.steps=100000', 'summary.images=false', 'hydra.run.dir=alone'])"
    program = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.DEVNULL)
    wait_for((folder / "alone" / "checkpoints" / "ckpt-100.index").is_file)
    program.kill()
    program.wait()
    wait_for((folder / "alone" / "results.json").is_file)
    assert results(folder / "alone")["status"] == "interrupted"


def test_an_interrupted_run_is_saved(notebook):
    """As if somebody pressed the button that stops a cell."""
    shown = notebook(
        "import signal, threading, time, os, pathlib",
        "def press():",
        "    while not list(pathlib.Path('outputs').glob('long/checkpoints/ckpt-100.index')):",
        "        time.sleep(0.05)",
        "    os.kill(os.getpid(), signal.SIGINT)",
        "threading.Thread(target=press).start()",
        "try:",
        "    exp.train(['train.steps=100000', 'summary.images=false', 'hydra.run.dir=outputs/long'], quiet=True)",
        "except KeyboardInterrupt:",
        "    print('stopped')",
    )
    assert shown == "interrupted; go on: exp.train(['resume=outputs/long'])\nstopped\n"
    found = results(notebook.folder / "outputs" / "long")
    assert found["status"] == "interrupted"
    assert found["step"] >= 100
