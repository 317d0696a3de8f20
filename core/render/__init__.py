"""Writes the merged feed as RSS, Atom, JSON Feed and OPML."""
