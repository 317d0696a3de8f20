"""feeds.yaml: its models, its text, its faults, and edits to it."""
