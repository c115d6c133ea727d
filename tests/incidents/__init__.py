"""The incident lab: nights on call, staged with real workers and servers, and what slowtask says of them."""
