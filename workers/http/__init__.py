"""The one guarded HTTP client: limits, decoding, robots.txt."""
