"""Pages for people: river, story, sources, pictures."""
