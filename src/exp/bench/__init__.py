"""Measurements: the programs behind `scripts/bench_*.py`. Nothing else of this project imports them."""
