"""The HTML report: the ranking and charts in one file that needs no network."""
