"""The launcher `slurm`: each job of a sweep is a job of Slurm, which may preempt it, requeue it and move it."""

from exp.sweep.slurm.backend import SlurmBackend

__all__ = ["SlurmBackend"]
