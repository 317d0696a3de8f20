"""Decides: the road of one entry as pure functions. No socket, store, clock or event loop."""
