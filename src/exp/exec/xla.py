"""`exec.jit_compile=auto`: whether XLA makes a network's step faster, known from the operations in it."""

from collections.abc import Sequence

from exp.config import Exec
from exp.errors import UserError
from exp.exec.probe import Probe
from exp.loggers.collect import kind_of

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
"""Operations with which a network gains: many small ones become few loops (the mlp's step takes 0.35 ms instead of 0.6
on two CPU cores). Convolutions lose: XLA's own for CPUs are ten times slower than oneDNN's. Operations that are not
known count as a loss."""


NOT_DETERMINISTIC = frozenset({"MaxPool", "MaxPoolV2", "MaxPool3D"})
"""Operations whose gradients XLA has in no deterministic form on a GPU (TensorFlow 2.21): it ends with an error."""


def decide_jit(
    wanted: Exec, probed: Probe | None, *, devices: Sequence[str], deterministic: bool = False
) -> tuple[bool, str | None]:
    """Whether XLA compiles the training step; and, if that was to be found out, the answer in a sentence.

    The answer depends on nothing but the configuration and the kind of device: a resumed run gets the same answer.

    Args:
        wanted: what the configuration says.
        probed: the model; None if nothing will be trained.
        devices: the devices that train, such as CPU:0; one replica each.
        deterministic: whether no result may depend on timing.

    Raises:
        UserError: the network, or what it logs, cannot be compiled, and that is asked for.
    """
    words = [key for key in probed.summaries if kind_of(key) == "text"] if probed else []
    if wanted.jit_compile is True and words:
        raise UserError(f"exec.jit_compile=true: XLA has no strings, and the model logs {', '.join(words)}")
    pools = sorted((probed.operations or frozenset()) & NOT_DETERMINISTIC) if probed else []
    if wanted.jit_compile is True and deterministic and pools and any("GPU" in device for device in devices):
        raise UserError(
            f"exec.jit_compile=true: XLA has no deterministic gradient of {', '.join(pools)} on a GPU; add "
            "exec.deterministic=false, or leave exec.jit_compile as it is"
        )
    if wanted.jit_compile != "auto":
        return wanted.jit_compile, None
    if probed is None or probed.operations is None:
        return False, None
    reason = _against(probed, devices, words)
    if reason:
        return False, f"exec.jit_compile=auto: no; {reason}"
    return True, "exec.jit_compile=auto: yes; XLA compiles the step of a dense network into few loops"


def _against(probed: Probe, devices: Sequence[str], words: Sequence[str]) -> str | None:
    """What speaks against XLA; None if nothing does."""
    assert probed.operations is not None
    if len(devices) > 1:
        return f"XLA compiles a step for one replica, and there are {len(devices)}"
    if not devices[0].startswith("CPU"):
        return "what XLA gains is known for CPUs only, try exec.jit_compile=true"
    if words:
        return f"XLA has no strings, and the model logs {', '.join(words)}"
    slower = sorted(probed.operations - QUICKER)
    if slower:
        return f"XLA is not known to be quick with {', '.join(slower)} on a CPU"
    return None
