"""The command line: chooses the concrete parts and wires them. Nothing imports it."""

from core.config.settings import VERSION as __version__

__all__ = ["__version__"]
