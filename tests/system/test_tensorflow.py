"""How TensorFlow is imported: without Matplotlib, which can be imported afterwards."""

import subprocess
import sys

import pytest

PROGRAM = """
import sys
{first}
from exp.system.tensorflow import import_tensorflow
import_tensorflow()
assert ("matplotlib.pyplot" in sys.modules) == {there}
assert [finder for finder in sys.meta_path if type(finder).__module__ == "exp.system.tensorflow"] == []
import keras
model = keras.Sequential([keras.layers.Dense(2)])
assert model(keras.ops.ones((3, 4))).shape == (3, 2)
import matplotlib.pyplot as plt
assert plt.figure() is not None
"""


@pytest.mark.parametrize(
    ("first", "there"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("import matplotlib", False, id="the package", marks=pytest.mark.slow),
        pytest.param("import matplotlib.pyplot", True, id="pyplot", marks=pytest.mark.slow),
    ],
)
def test_keras_works_without_matplotlib_which_can_be_imported_afterwards(first, there):
    """Whatever of Matplotlib was imported before."""
    program = PROGRAM.format(first=first, there=there)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
