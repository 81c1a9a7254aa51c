"""The machine, its files and its signals: what knows nothing of experiments."""
