"""SEE: the ranking and the charts as one HTML file that needs no network."""
