"""feeds.yaml: models, parser, error messages and edits."""
