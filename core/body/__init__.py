"""From an entry's body in any shape to clean, safe blocks."""
