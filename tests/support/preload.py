"""What the fork server imports for whole programs."""

import exp.sweep.local.preload
import exp.tools.program  # noqa: F401
