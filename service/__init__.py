"""Gives out: the merged feed, the pages, health and metrics over HTTP."""
