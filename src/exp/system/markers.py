"""The names by which the folder of a run or of a sweep is known: here, because lower floors have to know them, too."""

HYDRA_FOLDER = ".hydra"
MANIFEST = "manifest.json"
SWEEP = "sweep.json"
ALL = (HYDRA_FOLDER, MANIFEST, SWEEP)
