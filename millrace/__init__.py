"""The command line: chooses the concrete parts and wires them. Nothing imports it."""

__version__ = "0.1.0"
