"""When and how politely a source is polled: pure decisions."""
