"""STORE: where events are read from, to be ranked."""
