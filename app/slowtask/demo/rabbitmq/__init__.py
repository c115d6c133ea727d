"""The RabbitMQ experiment: how a full node and a full queue treat publishers, workers and tasks."""
