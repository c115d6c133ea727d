"""`make check-kibana`: imports the dashboards into a running Kibana, and has it read them back.

Where: SLOWTASK_KIBANA_URL, else http://localhost:5601. Who: SLOWTASK_ELASTICSEARCH_USERNAME and
_PASSWORD, or _API_KEY; with _CA_FILE where its certificate isn't of a public authority. From Kibana 9.4
on the dashboards API warns of what it had to drop, a panel or a setting; there is no telling before.
"""

import json
import os
import sys

from slowtask.errors import SlowtaskError
from slowtask.store.elastic import kibana
from slowtask.store.elastic.access import KIBANA_PORT, Access

TELLS = (9, 4)


def main() -> int:
    """Say what happened; 0 if all went well."""
    try:
        faults = check(configured())
    except SlowtaskError as problem:
        print(problem, file=sys.stderr)
        return 1
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def configured() -> Access:
    """The Kibana that the environment names. Raises `UsageError`."""
    return Access.from_address(
        os.environ.get("SLOWTASK_KIBANA_URL") or "http://localhost:5601", port=KIBANA_PORT
    )


def check(where: Access) -> list[str]:
    """Import, and read back what can be read back; what is wrong with it. Raises `SlowtaskError`."""
    version, ndjson = kibana.check_ready(where), kibana.bundle()
    done = kibana.import_objects(where, ndjson)
    print(f"Kibana {version or '?'}: {len(done.new)} objects new, {len(done.replaced)} replaced")
    if version and tuple(map(int, version.split(".")[:2])) < TELLS:
        print("It can't tell whether it drops a panel, as 9.4 and newer can: look at the dashboards")
        return []
    boards = dashboards(ndjson)
    faults = [f"{name}: {each}" for name, count in boards.items() for each in unread(where, name, count)]
    print(f"It read {len(boards)} dashboards back, with {len(faults)} warnings")
    return faults


def dashboards(ndjson: bytes) -> dict[str, int]:
    """How many panels each dashboard of the bundle has, by its id."""
    objects = [json.loads(line) for line in ndjson.splitlines()]
    found = [each for each in objects if each["type"] == "dashboard"]
    return {each["id"]: len(json.loads(each["attributes"]["panelsJSON"])) for each in found}


def unread(where: Access, name: str, count: int) -> list[str]:
    """What Kibana couldn't read of a dashboard of *count* panels."""
    answer = kibana.read_back(where, name)
    parts = [answer, answer.get("data") or {}, answer.get("meta") or {}]
    faults = [
        each.get("message") or json.dumps(each) for part in parts for each in part.get("warnings") or ()
    ]
    panels = parts[1].get("panels")
    if not faults and isinstance(panels, list) and len(panels) != count:
        return [f"it came back with {len(panels)} panels of {count}"]
    return faults


if __name__ == "__main__":
    sys.exit(main())
