"""The engine: what holds for any jobs and any workers, and a real run replayed."""
