"""Render stories as feed documents: one neutral item, several formats."""
