"""Remembers: the only package that speaks Redis."""
