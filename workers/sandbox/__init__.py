"""Strangers' documents are worked on in child processes that can be killed."""
