"""The run folder: the names of its files, their schema, and how they are written and read."""
