"""Optimizers of a user's own, for tests."""

from typing import Any


def talkative(*, learning_rate: float, where: str) -> Any:
    """Gradient descent that logs the size of each gradient, in `update_step` or in `apply`."""
    import keras
    import tensorflow as tf

    from exp import summary

    def log(gradient: Any, name: str) -> None:
        summary.scalar(f"gradient/{name}", tf.norm(gradient))

    class Talkative(keras.optimizers.SGD):
        def apply(self, grads: Any, trainable_variables: Any = None) -> None:
            grads, variables = list(grads), list(trainable_variables)
            if where == "apply":
                log(grads[0], "first")
            super().apply(grads, variables)

        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            if where == "update_step":
                log(gradient, str(self._get_variable_index(variable)))
            super().update_step(gradient, variable, learning_rate)

    return Talkative(learning_rate)
