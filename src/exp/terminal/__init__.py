"""Builds what a person reads on a terminal: sentences, tables, progress, commands to paste."""
