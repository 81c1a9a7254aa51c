"""Jobs of a sweep on this machine."""
