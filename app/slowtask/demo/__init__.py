"""The demonstration and the experiments: example tasks, temporary brokers, real workers, and a monitor."""
