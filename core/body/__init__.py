"""Clean an entry's body: from any format to safe blocks."""
