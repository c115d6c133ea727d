"""The output of `slowtask collapse`, for each broker."""
