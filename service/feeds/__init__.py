"""The merged feed: queries, formats, documents kept ready, and what is sent to subscribers."""
