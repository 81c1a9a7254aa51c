"""Build the site, in English and below that in Chinese: `python docs/site/build.py FOLDER`. A warning ends it."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from sphinx.cmd.build import main

from exp.system.tensorflow import native_messages_to

HERE = Path(__file__).parent


def build(folder: Path) -> int:
    """Write the site into a folder; returns the exit status."""
    for language, place in (("en", folder), ("zh_CN", folder / "zh")):
        with TemporaryDirectory() as doctrees:
            options = ["--fail-on-warning", "--quiet", "--doctree-dir", doctrees, "--conf-dir", str(HERE)]
            status = main([*options, "--define", f"language={language}", str(HERE.parent), str(place)])
        if status:
            return status
    return 0


if __name__ == "__main__":
    with TemporaryDirectory() as away, native_messages_to(Path(away) / "native.log"):  # TensorFlow's, of no page
        sys.exit(build(Path(sys.argv[1])))
