"""Which tests go to the same process of pytest-xdist."""

from xdist.scheduler import LoadScopeScheduling

APART = ("tests/guide/test_guide.py", "tests/e2e/test_cli.py", "tests/conformance/test_optimizers.py")
"""The files whose tests share no runs."""


class ByFile(LoadScopeScheduling):
    """The tests of a file stay together, because they share runs, unless they share none."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file in APART else file
