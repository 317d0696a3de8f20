"""Parse the document of a source into entries."""
