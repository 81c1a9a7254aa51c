"""The programs that `benchmarks/sweep_speed.py` compares a sweep with, written as their makers show it.

Each runs the seeds from 0, each seed in a folder `seed-N` of its own: `results.json`, `checkpoints/`, and TensorBoard's
events. Nothing here imports `exp`: a rival starts as quickly as it would without it.
"""
