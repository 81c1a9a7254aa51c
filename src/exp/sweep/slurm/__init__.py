"""The launcher `slurm`: each job of a sweep is a job of Slurm's, which may preempt it, move it, and give it back."""

from exp.sweep.slurm.backend import Slurm

__all__ = ["Slurm"]
