"""The command line: opens the concrete parts and connects them. No other package imports it."""

from core.config.settings import VERSION as __version__

__all__ = ["__version__"]
