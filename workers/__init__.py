"""Takes in: fetches sources and pages, and sends out what must go to strangers."""
