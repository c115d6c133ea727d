"""A Kafka of one node for tests, and what reads a topic as Logstash does."""
