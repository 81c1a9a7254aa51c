"""Sums of three tensors and more, in a graph, in an order that does not depend on timing.

TensorFlow's `AddN` (2.21) adds into the first of its inputs whose memory nobody else needs any more, and takes that one
first. Which one that is depends on what other threads have done by then: the sum is rounded otherwise, now and then,
and a resumed run is not the undisturbed one to the last bit. The gradients of a variable that is used three times, such
as that of an unrolled recurrent cell, are added up so.
"""

from typing import Any

from tensorflow.python.framework import ops
from tensorflow.python.ops import array_ops_stack, gen_math_ops, math_ops  # there is no public place to do it

_add_n = gen_math_ops.add_n


def install() -> None:
    """From now on, `AddN` is used in graphs for two tensors only, whose order changes nothing."""
    gen_math_ops.add_n = _ordered


def _ordered(inputs: Any, name: str | None = None) -> Any:
    if len(inputs) < 3 or not ops.inside_function() or any(not _is_plain(tensor) for tensor in inputs):
        return _add_n(inputs, name=name)
    return math_ops.reduce_sum(array_ops_stack.stack(list(inputs)), axis=0, name=name)


def _is_plain(tensor: Any) -> bool:
    """Whether a tensor holds numbers of a known shape, so that several of them can be stacked."""
    dtype, shape = getattr(tensor, "dtype", None), getattr(tensor, "shape", None)
    return bool(dtype is not None and (dtype.is_floating or dtype.is_integer or dtype.is_complex) and shape is not None)
