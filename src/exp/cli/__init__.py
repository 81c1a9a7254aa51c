"""The command line: from what Hydra composes to a job that is done."""
