"""How long a person waits for the help page, and for the message about a wrong key: `python -m benchmarks.messages`.

Beside `exp` runs the smallest program of Hydra's: one file of configuration with one key. All command lines take turns.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAM = """\
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print(config)


main()
"""


def main() -> None:
    """Measure, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="of the four command lines (20)")
    rounds = parser.parse_args().rounds
    with TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "conf").mkdir()
        (folder / "conf" / "config.yaml").write_text("key: 1\n")
        (folder / "empty.py").write_text(PROGRAM)
        exp = [str(Path(sys.executable).with_name("exp"))]
        empty = [sys.executable, "empty.py"]
        lines = {
            "empty program --help": [*empty, "--help"],
            "exp --help": [*exp, "--help"],
            "empty program, wrong key": [*empty, "nokey=1"],
            "exp, wrong key": [*exp, "model.hiden=3"],
        }
        seconds: dict[str, list[float]] = {name: [] for name in lines}
        for _ in range(rounds):
            for name, line in lines.items():
                started = time.perf_counter()
                subprocess.run(line, cwd=folder, capture_output=True, check=False)
                seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:<25} {median:.3f} s")
    print(f"help:      {medians['exp --help'] / medians['empty program --help']:.2f} of the empty program's")
    print(f"wrong key: {medians['exp, wrong key'] / medians['empty program, wrong key']:.2f} of the empty program's")


if __name__ == "__main__":
    main()
