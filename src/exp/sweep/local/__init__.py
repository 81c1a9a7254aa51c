"""Runs the jobs of a sweep in processes of this machine: the launcher `processes`."""
