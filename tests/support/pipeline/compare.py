"""What a filter made of a log, held against what `slowtask parse` makes of it, field by field."""

import json
import re
from difflib import SequenceMatcher

from slowtask.record.sample import UNPARSED_DATASET

#: An instant as Python and as Logstash write it: .202000Z and .202Z are one.
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)")
#: Objects of their own: their members aren't fields of the event.
OBJECTS = {"labels"}
#: What Logstash adds to each event, and what a line that can't be read says of the place where it stands.
UNCOMPARED = {"@version", "log.file.path", "log.offset", "host.name"}


def flat(document, prefix=""):
    """*document* with dotted names; `labels` stays an object."""
    found = {}
    for name, value in document.items():
        inner = isinstance(value, dict) and prefix + name not in OBJECTS
        found |= flat(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return found


def instant(value):
    """*value* with six digits of a second where it is an instant, else as it is."""
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    return f"{match[1]}.{(match[2] or '').ljust(6, '0')[:6]}Z" if match else value


def golden(log):
    """The events that *log*'s expectations ask for, in order; ids and an unparsed line's time are open."""
    lines = log.read_bytes().split(b"\n")
    told = map(json.loads, log.with_suffix(".expected.ndjson").read_text().splitlines())
    return [
        each.get("event") or unparsed(each["unparsable"], lines[each["line"] - 1])
        for each in told
        if "skipped" not in each
    ]


def unparsed(reason, line):
    """The event of a *line* that can't be read."""
    text = line.decode(errors="replace").removesuffix("\r")
    return {"event.dataset": UNPARSED_DATASET, "event.reason": reason, "event.original": text}


def apart(events):
    """*events* without what only the traceback tells, for lines that come one by one."""
    told = [flat(each) for each in events]
    for each in told:
        each.pop("error.type", None)
        each.pop("error.message", None)
        if each.get("event.action") == "timed-out":
            each["event.action"] = "failed"
    return told


def differences(expected, found):
    """What tells *found* from *expected*, one sentence each; their order counts.

    `event.id` is compared where *expected* has one: a line without an id gets it from where it stands.
    """
    wanted, got = [comparable(each) for each in expected], [comparable(each) for each in found]
    matcher = SequenceMatcher(None, [*map(key, wanted)], [*map(key, got)], autojunk=False)
    return [
        sentence for _, a, b, c, d in matcher.get_opcodes() for sentence in between(wanted[a:b], got[c:d])
    ]


def between(wanted, got):
    """The differences of one stretch: field by field where it is as long as it should be."""
    if len(wanted) == len(got):
        return [sentence for old, new in zip(wanted, got, strict=True) for sentence in fields(old, new)]
    missing = [f"{title(each)}: missing" for each in wanted]
    return missing + [f"{title(each)}: not expected" for each in got]


def comparable(event):
    """*event*, flat, without what differs each time."""
    event = {name: instant(value) for name, value in flat(event).items()}
    dropped = UNCOMPARED | {"@timestamp"} if event.get("event.dataset") == UNPARSED_DATASET else {"@version"}
    return {name: value for name, value in event.items() if name not in dropped}


def key(event):
    """*event* as a text to find it by."""
    return json.dumps({name: value for name, value in event.items() if name != "event.id"}, sort_keys=True)


def fields(old, new):
    """A sentence for each field of *new* that isn't as in *old*."""
    names = sorted((old.keys() | new.keys()) - ({"event.id"} - old.keys()))
    return [
        f"{title(old)}: {name} is {shown(new, name)}, not {shown(old, name)}"
        for name in names
        if shown(old, name) != shown(new, name)
    ]


def title(event):
    """What a person finds *event* by."""
    names = ("@timestamp", "event.dataset", "task.name", "task.id", "event.original")
    return " ".join(str(event[name]) for name in names if name in event)


def shown(event, name):
    """The value of field *name*, or that there is none."""
    return json.dumps(event[name], ensure_ascii=False) if name in event else "absent"
