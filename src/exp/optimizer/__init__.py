"""The optimizers of `conf/optimizer/`, as a `_target_` names them."""

from exp.optimizer.by_name import adam, adamw, lion, rmsprop, sgd

__all__ = ["adam", "adamw", "lion", "rmsprop", "sgd"]
