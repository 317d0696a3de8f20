"""One way to fetch each kind of source; all return the same result."""
