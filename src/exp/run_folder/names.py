"""The names of everything in a run folder, each written here and nowhere else."""

from pathlib import Path

from exp.system import markers

HYDRA_FOLDER = markers.HYDRA_FOLDER

CONFIG_YAML, OVERRIDES_YAML, HYDRA_YAML = "config.yaml", "overrides.yaml", "hydra.yaml"
"""Files of `.hydra/`: the run's configuration, its overrides, and Hydra's own configuration."""
CONFIG = f"{HYDRA_FOLDER}/{CONFIG_YAML}"

CHECKPOINTS = "checkpoints"
PLUGINS = "plugins"
"""The folder that TensorBoard's profiler plugin reads."""

LOG = "run.log"
MANIFEST = markers.MANIFEST
METRICS = "metrics.jsonl"
CSV = "metrics.csv"
MLFLOW = "mlflow.json"
"""In a folder of a sweep: the name by which its run on an MLflow server is found."""
RESULTS = "results.json"
TEST_READINGS = "test_readings.jsonl"
PATCH = "uncommitted.patch"
"""What was not committed in the repository of the run's code, for `git apply`."""
PATCHES = "uncommitted*.patch"
"""The same of all repositories."""
FREEZE = "packages.txt"
"""Every package that was installed, as `pip freeze` lists them."""
EVENTS = "events.out.tfevents."
"""How the names of TensorBoard's event files begin."""
AUTOGRAPH = "autograph.py"
LOCK = ".lock"
JOB_REPORT = ".job.json"
"""What a job tells its sweep while it runs."""

LOG_PATTERNS = (LOG, "worker-*.log", f"{LOCK}*", JOB_REPORT)
"""Files that are there before a run has begun, so that they remain if it is refused."""
FOLDERS = (HYDRA_FOLDER, CHECKPOINTS, PLUGINS)
FILE_PATTERNS = (
    *(*LOG_PATTERNS, MANIFEST, METRICS, CSV, f".{CSV}*", RESULTS, TEST_READINGS, AUTOGRAPH),
    *(f"{EVENTS}*", f".{EVENTS}*", "uncommitted*.patch*", f"{FREEZE}*"),
)
"""What a run writes in its folder: folders by name, and files by pattern."""


def patch_of(package: str) -> str:
    """What was not committed in the repository of a package of the user's; "" stands for the manifest's `git`."""
    return f"uncommitted-{package}.patch" if package else PATCH


def former(path: Path, digest: str) -> Path:
    """The new name of a patch whose run was resumed with other code; `digest` is the patch's SHA-256."""
    return path.with_name(f"{path.name}.{digest[:10]}")


def worker_log(index: int) -> str:
    """The log of a follower: what native code writes there, and whole tracebacks."""
    return f"worker-{index}.log"
