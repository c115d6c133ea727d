"""RUN → EVENT: what was seen of an attempt becomes a `Run`. Shared by all queue systems."""

import importlib
import socket
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import msgspec

from slowtask.record.event import DATASET, Action, Labels, Outcome, Run
from slowtask.record.guard import Guard, Trouble, guarded, trouble
from slowtask.record.line import cut_head, cut_tail
from slowtask.record.settings import LabelsCallback, Settings, settings
from slowtask.record.timer import Taken

NAME_LENGTH: Final = 512  #: characters of a name or an id
NAMES: Final = ("task", "task_id", "queue", "worker")  #: the fields that hold those
MESSAGE_LENGTH: Final = 1024
TRACE_LENGTH: Final = 8192
TRACE_FRAMES: Final = 40
LABELS: Final = 16
LABEL_LENGTH: Final = 256
KEY_LENGTH: Final = 64
NO_NAME: Final = str.maketrans('.*"', "___")  #: what no name of a label may hold


class Ending(msgspec.Struct, frozen=True):
    """How an attempt ended."""

    action: Action
    reason: str | None = None
    error: BaseException | None = None
    known: bool = True  #: whether it is known how its work ended

    @property
    def outcome(self) -> Outcome:
        """Only what finished succeeded."""
        if not self.known:
            return "unknown"
        return "success" if self.action == "finished" else "failure"


FINISHED: Final = Ending("finished")


def run(how: Ending, job: object, taken: Taken | None = None, **seen: Any) -> Run:
    """The event of an attempt of *job* that ended *how*, by what was *seen* of it: `Run`'s other fields.

    Names and ids may be of any length. What it has *taken* is None where this process didn't run it; of one
    that never began there is neither start nor duration in *seen*. The time is now, unless *taken* says.
    """
    chosen = settings()
    if taken is None:
        seen["timestamp"] = datetime.now(UTC)
    else:
        seen["timestamp"], seen["start"], seen["duration"] = taken.end, taken.start, taken.duration
        seen["cpu"], seen["memory"] = taken.cpu, taken.memory
    for name in NAMES:
        if (text := seen.get(name)) is not None and len(text) > NAME_LENGTH:
            seen[name] = cut_tail(text, NAME_LENGTH)
    made = Run(
        dataset=DATASET,
        outcome=how.outcome,
        action=how.action,
        reason=how.reason,
        service=chosen.service_name,
        version=chosen.service_version,
        environment=chosen.service_environment,
        labels=labels(job, chosen) if chosen.labels else None,
        **seen,
    )
    if how.error is None:
        return made
    return msgspec.structs.replace(made, **described(how.error, chosen))


def described(error: BaseException, chosen: Settings) -> dict[str, Any]:
    """`Run`'s fields of *error*: its type, and its message and trace as the settings allow."""
    found = {"error": cut_tail(type_name(type(error)), NAME_LENGTH)}
    if chosen.error_message:
        with guarded:
            found["message"] = cut_tail(str(error), MESSAGE_LENGTH)
    if chosen.stack_trace:
        with guarded:
            found["stack_trace"] = cut_head(trace(error, message=chosen.error_message), TRACE_LENGTH)
    return found


def type_name(kind: type[BaseException]) -> str:
    """`ValueError`; outside builtins with its module: `redis.exceptions.ConnectionError`."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def trace(error: BaseException, *, message: bool) -> str:
    """The innermost frames of *error*; without *message*, frames only: a message can hold secrets."""
    if message:
        return "".join(traceback.format_exception(error, limit=-TRACE_FRAMES))
    return "".join(traceback.format_tb(error.__traceback__, limit=-TRACE_FRAMES))


def labels(job: object, chosen: Settings) -> Labels | None:
    """What the user's callback says of *job*, bounded; None where there is no callback or it fails."""
    if chosen.labels is None:
        return None
    with Guard(Trouble.LABELS):
        found = callback(chosen.labels)(job)
        if not isinstance(found, Mapping):
            raise TypeError(f"a labels callback returns a mapping, not {type(found).__name__}")
        return bounded(found) or None
    return None


@cache
def callback(named: LabelsCallback | str) -> LabelsCallback:
    """The callback itself, imported where *named* is its dotted path."""
    if not isinstance(named, str):
        return named
    module, _, name = named.rpartition(".")
    found: LabelsCallback = getattr(importlib.import_module(module), name)
    return found


def bounded(found: Mapping[Any, object]) -> Labels:
    """At most 16 labels of at most 64 + 256 characters; what is cut or left out is counted."""
    kept = {
        label(str(key)): cut_tail(str(value), LABEL_LENGTH)
        for key, value in list(found.items())[:LABELS]
        if value is not None
    }
    whole = {str(key).translate(NO_NAME): str(value) for key, value in found.items() if value is not None}
    if kept != whole:
        trouble(
            Trouble.CUT, f"{len(whole)} labels; {LABELS} of {KEY_LENGTH} + {LABEL_LENGTH} characters are kept"
        )
    return kept


def label(key: str) -> str:
    """*key*, bounded, as a name that Elasticsearch takes: a dot would make an object of it."""
    return cut_tail(key.translate(NO_NAME), KEY_LENGTH) or "_"


@cache
def host() -> str:
    """The name of the machine."""
    return socket.gethostname()


def trace_id() -> str | None:
    """The trace that OpenTelemetry or Elastic APM has open here, where one of them is in use."""
    if (telemetry := sys.modules.get("opentelemetry.trace")) is not None:
        context = telemetry.get_current_span().get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else None
    if (apm := sys.modules.get("elasticapm")) is not None:
        found: str | None = apm.get_trace_id()
        return found
    return None
