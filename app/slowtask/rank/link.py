"""RANK: the address of a run's trace in another program, by a pattern that a setting gives."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from slowtask.errors import UsageError
from slowtask.record.event import iso, moment
from slowtask.store.profile import LongRun

VARIABLE: Final = "SLOWTASK_TRACE_URL"
PLACE: Final = re.compile(r"\{([^{}]*)\}")
#: What a pattern may name in braces.
NAMES: Final = ("trace", "task_id", "id", "task", "queue", "host", "worker", "version", "started", "ended")
START: Final = ("http://", "https://")
EXAMPLE: Final = "https://apm.example.org/trace/{trace}"


@dataclass(frozen=True, slots=True)
class LinkPattern:
    """An address with the names of values in braces. Raises `UsageError` if it isn't one."""

    text: str

    def __post_init__(self) -> None:
        names = PLACE.findall(self.text)
        if not self.text.startswith(START) or not self.text.isprintable() or " " in self.text:
            raise UsageError(f"{VARIABLE} isn't an address: write it like {EXAMPLE}.")
        if wrong := [name for name in names if name not in NAMES]:
            raise UsageError(f"{VARIABLE} has no value {wrong[0]!a}: use {', '.join(NAMES)}.")
        if not names or {"{", "}"} & set(PLACE.sub("", self.text)):
            raise UsageError(f"{VARIABLE} needs a value in braces, like {EXAMPLE}.")

    def make(self, task: str, run: LongRun) -> str | None:
        """The address for *run*; None if a value that it needs isn't known."""
        values = _values(task, run)
        if any(values[name] is None for name in PLACE.findall(self.text)):
            return None
        return PLACE.sub(lambda found: quote(values[found[1]] or "", safe=""), self.text)


def read_link_pattern(environment: Mapping[str, str]) -> LinkPattern | None:
    """The pattern that is set; None: there is none. Raises `UsageError`."""
    text = environment.get(VARIABLE, "").strip()
    return LinkPattern(text) if text else None


def _values(task: str, run: LongRun) -> dict[str, str | None]:
    """The values that a pattern may name."""
    plain = {name: getattr(run, name) for name in NAMES if name not in ("task", "started", "ended")}
    started = moment(run.ended - round(run.took * 1e6))
    return {**plain, "task": task, "started": iso(started), "ended": iso(moment(run.ended))}
