"""WebSub, both ways: our hub and its publisher, and the callback of other hubs."""
