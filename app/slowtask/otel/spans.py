"""OTEL: find the trace of a run, and make the spans that were lost with their processes."""

from hashlib import sha256
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_ID,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from slowtask import __version__
from slowtask.otel.attributes import PROCESS, SCOPE, describe_span, make_resource, tell
from slowtask.record.event import Run, microseconds

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
NO_TRACE: Final = Context()
TRACE_DIGITS: Final = 32
SPAN_DIGITS: Final = 16
#: Actions that end the process of a run and its span, unless an exception in the process did it.
LOST_ACTIONS: Final = frozenset({"killed", "stopped"})
#: The errors of runs that another process gives up: RQ's, and Celery's at its hard time limit.
LOST_ERRORS: Final = frozenset({"rq.exceptions.AbandonedJobError", "billiard.exceptions.TimeLimitExceeded"})


def find_span(run: Run) -> SpanContext | None:
    """The span that is known of *run*; not sampled and without an id if only its trace is; else None."""
    if run.trace is None or (trace := read_id(run.trace, TRACE_DIGITS)) is None:
        return None
    span = None if run.span is None else read_id(run.span, SPAN_DIGITS)
    if span is None:
        return SpanContext(trace, INVALID_SPAN_ID, is_remote=True)
    return SpanContext(trace, span, is_remote=True, trace_flags=SAMPLED)


def find_context(run: Run) -> Context:
    """The context in which *run* ran. The SDK takes the exemplars of a metric from it if it is sampled."""
    span = find_span(run)
    return NO_TRACE if span is None else set_span_in_context(NonRecordingSpan(span), NO_TRACE)


def is_lost(run: Run) -> bool:
    """Whether *run* began, and its span was lost with its process: it isn't in the trace, or never ends."""
    if run.start is None or (run.trace is not None and run.span is None):
        return False  # it never began, or its trace isn't sampled
    return run.action in LOST_ACTIONS if run.error is None else run.error in LOST_ERRORS


def make_lost_span(run: Run) -> ReadableSpan:
    """The span of *run*, below the span that published it; without one, in a trace of its own.

    Its ids are made from the run's, so that it has the same ones each time it is sent.
    """
    parent = find_span(run)
    trace = make_id(f"trace:{run.id}", TRACE_DIGITS) if parent is None else parent.trace_id
    return ReadableSpan(
        name=f"{PROCESS} {run.task}",
        context=SpanContext(trace, make_span_id(run), is_remote=False, trace_flags=SAMPLED),
        parent=parent,
        resource=make_resource(run),
        attributes=describe_span(run),
        kind=SpanKind.CONSUMER,
        instrumentation_scope=InstrumentationScope(SCOPE, __version__),
        status=Status(StatusCode.ERROR, tell(run)),
        start_time=None if run.start is None else microseconds(run.start) * 1000,
        end_time=microseconds(run.timestamp) * 1000,
    )


def make_span_id(run: Run) -> int:
    """The id of the span of *run*."""
    return make_id(f"span:{run.id}", SPAN_DIGITS)


def make_id(text: str, digits: int) -> int:
    """The first *digits* of the SHA-256 of *text*, as a number."""
    digest = sha256(text.encode("utf-8", "backslashreplace"), usedforsecurity=False)
    return int(digest.hexdigest()[:digits], 16)


def read_id(text: str, digits: int) -> int | None:
    """The id that is written as so many hexadecimal *digits*; None if *text* isn't one."""
    try:
        return (int(text, 16) or None) if len(text) == digits else None
    except ValueError:
        return None
