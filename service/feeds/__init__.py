"""The merged feed: queries, formats, and documents kept ready to send."""
