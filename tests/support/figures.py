"""A task's figures for tests, as a store measures them."""

from slowtask.store import Figures


def figures(task, total=0.0, *, count=1, **others):
    """A task's figures, *total* in seconds, all of whose runs took the same time."""
    each = total / count * 1e9
    defaults = {
        "failures": 0, "timed": count, "max": each, "p50": each, "p95": each, "p99": each,
        "wait_p95": None, "margin": 0, "first": 0, "last": 0, "killed": 0, "deviation": 0.0, "cpu": None,
        "cpu_time": None, "memory": None,
    }  # fmt: skip
    return Figures(task=task, count=count, total=total * 1e9, **(defaults | others))
