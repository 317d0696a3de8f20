"""Stories to feed documents: one neutral item, one file per format."""
