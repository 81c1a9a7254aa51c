"""Programs beside `run.py`; one file in `scripts/` starts each."""
