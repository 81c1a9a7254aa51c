"""Measurements: each file is a program, `python -m benchmarks.NAME --help`. Nothing of the package imports them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
