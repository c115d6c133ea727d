"""OTEL: find the trace of a run, and make the spans that were lost with their processes."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN_ID,
    NonRecordingSpan,
    SpanContext,
    TraceFlags,
    set_span_in_context,
)

from slowtask.record.event import Run

SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
NO_TRACE: Final = Context()


def find_span(run: Run) -> SpanContext | None:
    """The span of *run* that is known; its span id is 0 if only its trace is; None if neither is."""
    if run.trace is None or (trace := read_id(run.trace, 32)) is None:
        return None
    return SpanContext(trace, INVALID_SPAN_ID, is_remote=True)


def find_context(run: Run) -> Context:
    """The context in which *run* ran, as the SDK wants it."""
    span = find_span(run)
    return NO_TRACE if span is None else set_span_in_context(NonRecordingSpan(span), NO_TRACE)


def read_id(text: str, digits: int) -> int | None:
    """The id that is written as so many hexadecimal *digits*; None if *text* isn't one."""
    try:
        return (int(text, 16) or None) if len(text) == digits else None
    except ValueError:
        return None
