"""exp: a Hydra-configured experiment framework for TensorFlow 2.

`from exp import summary` is for models that log figures, pictures or histograms of their own: `summary.scalar(...)`.
From a notebook or a program: `exp.train(["model=cnn"])` does a run, `exp.load(RUN_DIR)` gives its model, and
`exp.runs("outputs")` gives runs as plain dicts.
"""

import importlib
import sys
import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exp.compare.as_data import runs
    from exp.loggers import collect as summary
    from exp.tools.load import load
    from exp.tools.train import train

__all__ = ["load", "runs", "summary", "train"]
__version__ = "0.1.0"


class _Figures(ModuleType):
    """The name that `exp.summary` had before: it still works, and warns once of a process."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(importlib.import_module("exp.loggers.collect"), name)
        setattr(self, name, found)
        if "warned" not in vars(self):
            self.warned = True
            warnings.warn(
                "exp.figures is now called exp.summary: `from exp import summary`", FutureWarning, stacklevel=2
            )
        return found


figures = sys.modules["exp.figures"] = _Figures("exp.figures", _Figures.__doc__)


_MODULES = {"load": "exp.tools.load", "runs": "exp.compare.as_data", "train": "exp.tools.train"}
"""Where the functions that this package offers are, which is imported when they are used."""


def __getattr__(name: str) -> Any:
    if name == "summary":
        return importlib.import_module("exp.loggers.collect")
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'exp' has no attribute {name!r}")
