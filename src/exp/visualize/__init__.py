"""Pictures to look at: what training sees, how a shuffle mixes, and where a network is wrong."""
