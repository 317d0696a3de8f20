"""Decisions about one entry, as pure functions: no socket, store, clock or event loop."""

import sys

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["zstd"]
