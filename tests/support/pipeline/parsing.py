"""What `slowtask parse` makes of a log, and what the pipelines made of it, as values that can be compared."""

from datetime import date

import msgspec

from slowtask.parse.events import events
from slowtask.parse.items import Reason
from slowtask.parse.sources import resolve
from slowtask.record import event

DAY = "2026-11-23"  #: on which all RQ logs of the tests begin


def runs(found):
    """The runs of *found*, comparable: without ids, times to the microsecond."""
    return sorted(
        msgspec.json.encode(
            each | {"@timestamp": micro(each["@timestamp"]), "event.id": None}, order="sorted"
        )
        for each in found
        if each["event.dataset"] == "slowtask.run"
    )


def micro(time):
    """*time* with six decimals, as our lines have it; Logstash leaves out zeros."""
    whole, _, fraction = time.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"


def unparsed(found):
    """Where the lines of *found* stand that can't be read, and why."""
    return sorted(
        (each["log.offset"], each["event.reason"])
        for each in found
        if each["event.dataset"] == "slowtask.unparsed"
    )


def parsed(path):
    """What the parser makes of the log at *path*: runs and what can't be read, comparable.

    That nothing in the whole log is known is left out: a filter never sees the whole.
    """
    found = events(resolve([str(path)])[0], date=date.fromisoformat(DAY))
    items = [each for each in found if isinstance(each, event.Run) or each.reason is not Reason.STRANGE]
    found = [event.fields(each) for each in items if isinstance(each, event.Run)]
    bad = sorted((each.offset, str(each.reason)) for each in items if not isinstance(each, event.Run))
    return runs(found), bad
