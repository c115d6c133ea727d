"""`vrl.py PROGRAM` with Vector's language: what it makes of each line of a log, or `null` if it drops it."""

import json
import sys
from pathlib import Path

from pyvrl import Transform

#: What Vector's source `file` puts beside a line.
BESIDE = {"file": "/var/log/shop/slowtask.ndjson", "host": "vector-1", "source_type": "file", "timestamp": 0}

transform = Transform(Path(sys.argv[1]).read_text() + "\n.")  # the event, not what the last expression gave
for line in sys.stdin.buffer:
    event = {"message": line.decode(errors="replace").removesuffix("\n"), **BESIDE}
    try:
        print(json.dumps(transform.remap(event)))
    except Exception:  # noqa: BLE001 - it has no kind of its own
        print("null")
