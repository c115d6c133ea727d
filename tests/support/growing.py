"""Logs that a test reads while they are written."""

import json


def read_events(path):
    """The events in the log *path* so far, which may be none, without a line that is being written."""
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    return [json.loads(line) for line in whole.splitlines()]
