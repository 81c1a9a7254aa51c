"""Sweeps: many runs by one command, each in a process of its own, with a ledger of what became of them."""
