"""From a whole web page to the article in it."""
