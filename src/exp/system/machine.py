"""The cores and GPUs of this machine, as far as they are known without TensorFlow."""

import os
from pathlib import Path


def available_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions that multiply bfloat16, which oneDNN takes (x86-64, Linux)."""
    try:
        flags = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("flags"))
    except (OSError, StopIteration):
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags.split())


def has_gpu() -> bool:
    """Whether an NVIDIA GPU is there that programs may see."""
    return os.environ.get("CUDA_VISIBLE_DEVICES") != "" and any(Path("/dev").glob("nvidia[0-9]*"))


def visible_gpus() -> list[str]:
    """The NVIDIA GPUs that programs may see, as `CUDA_VISIBLE_DEVICES` names them."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name.strip() for name in chosen.split(",") if name.strip() not in ("", "-1")]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]
