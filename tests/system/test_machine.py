"""What is known of the processor without TensorFlow."""

from pathlib import Path

import pytest

from exp.system.machine import multiplies_bfloat16


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16 fma\n", True),
        ("processor\t: 0\nflags\t\t: fpu amx_bf16 amx_tile\n", True),
        ("processor\t: 0\nflags\t\t: fpu avx512f avx512_bf16x fma\n", False),
        ("processor\t: 0\nFeatures\t: fp asimd bf16\n", False),
        (None, False),
    ],
    ids=["avx512", "amx", "neither", "not x86-64", "not Linux"],
)
def test_bfloat16(monkeypatch, text, answer):
    def read(path):
        assert str(path) == "/proc/cpuinfo"
        if text is None:
            raise FileNotFoundError(path)
        return text

    monkeypatch.setattr(Path, "read_text", read)
    assert multiplies_bfloat16() is answer
