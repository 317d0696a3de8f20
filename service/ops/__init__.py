"""For operators: health, metrics, access, actions."""
