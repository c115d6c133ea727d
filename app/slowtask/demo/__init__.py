"""The tasks of the experiment, and what enqueues them."""
