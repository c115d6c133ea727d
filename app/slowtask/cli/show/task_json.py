"""Make of the page of one task one JSON object: times in seconds, moments in UTC, null where unknown."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from slowtask.rank.fingerprint import group_messages
from slowtask.rank.histogram import make_histogram
from slowtask.rank.link import LinkPattern
from slowtask.record.event import iso, moment
from slowtask.store.profile import Profile

MOMENTS: Final = frozenset({"first", "last", "at", "ended"})  #: keys whose values are µs since the epoch

SINGLE: Final = ("behind", "kills", "worst")  #: what only single runs tell


def make_object(profile: Profile, pattern: LinkPattern | None) -> dict[str, Any]:
    """The object of *profile*."""
    lists = {
        "histogram": make_histogram(profile.bins),
        "times": profile.slots,
        "by": {name: each.groups for name, each in profile.fields.items()},
        "endings": profile.endings,
        "exceptions": group_messages(profile.messages),
        "kills": profile.kills,
        "behind": profile.behind,
    }
    worst = [
        {**_plain(run), "link": pattern.make(profile.task, run) if pattern else None} for run in profile.worst
    ]
    unknown = dict.fromkeys(SINGLE) if profile.measurement.history else {}
    return {
        "task": profile.task,
        "share": profile.share,
        **_plain(profile.summary),
        "slot": None if profile.unit else profile.width / 1e6,
        "slot_unit": profile.unit,
        **{name: _plain(values) for name, values in lists.items()},
        "worst": worst,
        **unknown,
    }


def _plain(value: Any) -> Any:
    """*value* as JSON has it, with moments as text."""
    return _write_moments(msgspec.to_builtins(value))


def _write_moments(value: Any) -> Any:
    """*value* with each moment in it as text."""
    if isinstance(value, Mapping):
        return {
            key: iso(moment(each)) if key in MOMENTS and isinstance(each, int) else _write_moments(each)
            for key, each in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_write_moments(each) for each in value]
    return value
