"""`exec.jit_compile=auto`: whether XLA makes a network's step faster, known from the operations in it."""

from typing import Any

import tensorflow as tf

from exp import step

QUICKER = frozenset(
    {
        *(
            "Placeholder",
            "Const",
            "ReadVariableOp",
            "Identity",
            "NoOp",
            "Cast",
            "Reshape",
            "Shape",
            "StridedSlice",
            "Pack",
        ),
        *(
            "MatMul",
            "BiasAdd",
            "Add",
            "AddV2",
            "AddN",
            "Sub",
            "Mul",
            "RealDiv",
            "Neg",
            "Square",
            "Sqrt",
            "Rsqrt",
            "Maximum",
        ),
        *(
            "Relu",
            "Relu6",
            "LeakyRelu",
            "Elu",
            "Selu",
            "Sigmoid",
            "Tanh",
            "Softplus",
            "Softmax",
            "LogSoftmax",
            "Exp",
            "Log",
        ),
        *("Sum", "Mean", "Max", "Transpose", "ExpandDims", "Squeeze", "StatefulPartitionedCall", "PartitionedCall"),
    }
)
"""Of these a network gains: many small operations become few loops (the mlp's step takes 0.35 ms instead of 0.6 on two
CPU cores). Convolutions lose: XLA's own for CPUs are ten times slower than oneDNN's. What is not known counts as a
loss."""


def slower_operations(model: Any, *, input_shape: tuple[int, ...], pixel_type: str) -> list[str]:
    """The operations in a network that speak against XLA on a CPU; empty if it gains.

    Args:
        model: built; it is traced once and not run. To be called in the executor's scope.
        input_shape: of a picture.
        pixel_type: of the pictures.
    """

    def forward(pictures: Any) -> Any:
        return [model(step.scaled(pictures), training=True), *model.losses]

    pictures = tf.TensorSpec((None, *input_shape), tf.as_dtype(pixel_type))
    graph = tf.function(forward, autograph=False).get_concrete_function(pictures).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return sorted({node.op for node in nodes} - QUICKER)
