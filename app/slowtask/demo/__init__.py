"""The experiment: its tasks, a Redis of its own, real RQ workers, and what is seen of them."""
