"""Check that a worker records: what is installed, what is set, and whether a record can be written."""
