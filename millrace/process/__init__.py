"""Long-running processes: supervision, sockets, configuration, logs."""
