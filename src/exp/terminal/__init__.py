"""What a person reads: sentences, tables, progress, commands to paste."""
