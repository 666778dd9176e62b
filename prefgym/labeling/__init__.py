"""The labelling server, and the page on which people judge segments."""
