"""What the fork server imports, and reads, for whole programs."""

import exp.sweep.local.preload
import exp.tools.program  # noqa: F401
from exp.data.mnist import bundled_arrays

for split in ("train", "test"):
    bundled_arrays(split)
