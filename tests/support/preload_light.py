"""What the fork server imports for programs that do without TensorFlow: Hydra, with its grammar in use, and ours."""

from hydra import compose, initialize_config_dir

import exp.cli.main
import exp.compare.main  # noqa: F401
from tests.support.root import ROOT

with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
    compose("config", ["data.batch_size=32", "data.transforms=[random_flip,{name:random_crop,size:28}]"])
