"""The run folder: the names, the formats and the careful reading of its files."""
