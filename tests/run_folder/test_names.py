"""The names of a run folder's files are written in one place."""

import ast
from pathlib import Path

from exp.run_folder import names
from exp.system import markers
from tests.support.root import ROOT

WRITTEN_ONCE = {
    *(names.HYDRA_FOLDER, names.CONFIG_YAML, names.OVERRIDES_YAML, names.HYDRA_YAML, names.CONFIG),
    *(names.LOG, names.MANIFEST, names.METRICS, names.RESULTS, names.EVENTS, names.AUTOGRAPH),
    names.JOB_REPORT,
}


def literals(path: Path) -> set[str]:
    """All texts in a module's code."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_no_other_module_writes_a_name():
    own = [Path(names.__file__), Path(markers.__file__)]
    found = {path.name: literals(path) & WRITTEN_ONCE for path in (ROOT / "src").rglob("*.py") if path not in own}
    assert {name: known for name, known in found.items() if known} == {}


def test_logs_of_workers_are_known_as_what_a_run_writes():
    assert Path(names.worker_log(3)).match(names.LOG_PATTERNS[1])
