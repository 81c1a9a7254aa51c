"""`exec.jit_compile=auto`: whether XLA makes a network's step faster, known from the operations in it."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from exp import step
from exp.config import Exec
from exp.data import Transforms

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


def decide_jit(
    wanted: Exec, model: Any, *, training: bool, devices: Sequence[str], transforms: Transforms
) -> tuple[bool, str | None]:
    """Whether XLA compiles the training step; and, where that was to be found out, the answer in a sentence.

    It depends on nothing but the configuration and the kind of device: a resumed run gets the same answer. To be
    called in the executor's scope.

    Args:
        wanted: what the configuration says.
        model: built.
        training: whether there is anything to train.
        devices: that train, such as CPU:0; one replica each.
        transforms: what the model gets.
    """
    if wanted.jit_compile != "auto":
        return wanted.jit_compile, None
    if wanted.name == "eager" or not training:
        return False, None
    if len(devices) > 1:
        return False, f"exec.jit_compile=auto: no; XLA compiles a step for one replica, and there are {len(devices)}"
    if not devices[0].startswith("CPU"):
        return False, "exec.jit_compile=auto: no; what XLA gains is known for CPUs only, try exec.jit_compile=true"
    slower = slower_operations(model, input_shape=transforms.input_shape, pixel_type=transforms.pixel_type)
    if slower:
        return False, f"exec.jit_compile=auto: no; XLA is not known to be quick with {', '.join(slower)} on a CPU"
    return True, "exec.jit_compile=auto: yes; XLA compiles the step of a dense network into few loops"


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
