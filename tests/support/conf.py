"""What `conf/` has to choose from."""

from tests.support.root import ROOT


def choices(group: str) -> list[str]:
    """The choices of a configuration group, in order."""
    return sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml"))
