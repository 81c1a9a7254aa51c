"""A hook of the build: a wheel tells the commit that it was built from, in `exp/commit.txt`."""

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CommitHook(BuildHookInterface):
    """Adds the commit to a wheel or a source distribution; what was built from such a distribution keeps it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file; nothing is added where git tells nothing, or for an installation that is this folder itself."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root) / "src"))
        from exp.system.provenance import COMMIT, commit_text, git_state

        state = git_state(Path(self.root) / "src" / "exp")
        if state is not None:
            path = Path(self.directory) / COMMIT
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{commit_text(state)}\n")
            place = f"exp/{COMMIT}" if self.target_name == "wheel" else f"src/exp/{COMMIT}"
            build_data["force_include"][str(path)] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the file that was added, which lies beside what was built."""
        sys.path.insert(0, str(Path(self.root) / "src"))
        from exp.system.provenance import COMMIT

        (Path(self.directory) / COMMIT).unlink(missing_ok=True)
