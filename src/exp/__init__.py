"""exp: a Hydra-configured experiment framework for TensorFlow 2."""

__version__ = "0.1.0"
