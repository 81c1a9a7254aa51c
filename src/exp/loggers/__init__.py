"""What a run logs while it trains."""
