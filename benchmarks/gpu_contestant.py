"""The process of a contestant of `benchmarks/gpu.py`: `python -m benchmarks.gpu_contestant NAME PRECISION`.

It reads requests, a line of JSON each, and answers each with a line: `{"build": WORK}` makes it ready to train, and
`{"steps": NUMBER}` has it train. One that fails answers with the error, and waits for the next request. The contestant
`card` is asked for `{"peak": PRECISION, ...}` and `{"flops": WORK}`.
"""

import json
import os
import sys
from typing import Any

from benchmarks.gpu_work import Work

CARD = "card"
TORCH = ("PyTorch", "torch.compile")


def main() -> None:
    """Serve until the input ends."""
    name, precision = sys.argv[1:]
    # Libraries print what they like; the answers have a way of their own.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        _import_what_takes_long(name)
        answers.write(json.dumps({"ready": True}) + "\n")
    except Exception as error:
        answers.write(json.dumps({"error": last_line(error)}) + "\n")
        return
    train: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            if "build" in request:
                train = None  # what it holds of the device's memory is free before more is taken
                train = _make(name, _work(request["build"]), precision)
                train(request["steps"])
            elif "steps" in request:
                answer["seconds"], answer["steps"] = train(request["steps"])
            else:
                answer = _of_the_card(request)
        except Exception as error:
            answer = {"error": last_line(error)}
        answers.write(json.dumps(answer) + "\n")


def last_line(error: Exception) -> str:
    """An error's last line, which most often says what it is, and its kind."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[-1].strip()[:300]}"


def _import_what_takes_long(name: str) -> None:
    if name in TORCH:
        import torch  # noqa: F401
    else:
        import keras  # noqa: F401
        import tensorflow  # noqa: F401


def _make(name: str, work: Work, precision: str) -> Any:
    if name in TORCH:
        from benchmarks import gpu_torch

        return gpu_torch.make(name, work, precision)
    from benchmarks import gpu_tensorflow

    return gpu_tensorflow.make(name, work, precision)


def _of_the_card(request: dict[str, Any]) -> dict[str, Any]:
    from benchmarks.gpu_tensorflow import flops, peak

    if "flops" in request:
        return {"flops": flops(_work(request["flops"]))}
    return {"tflops": peak(request["peak"], request["size"], request["seconds"])}


def _work(fields: dict[str, Any]) -> Work:
    height, width, channels = fields["shape"]
    return Work(**{**fields, "shape": (height, width, channels)})


if __name__ == "__main__":
    main()
