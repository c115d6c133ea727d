"""The trace of an attempt is found where instrumentation has it open, or in the message."""

import sys
import types

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from slowtask.record.trace import NO_TRACE, carried_trace, open_trace, trace_id

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(("flags", "span"), [(1, SPAN), (0, None)])
def test_an_open_span_of_opentelemetry_is_noted_with_its_id_if_it_is_sampled(flags, span):
    context = SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=False, trace_flags=TraceFlags(flags))
    with use_span(NonRecordingSpan(context)):
        assert open_trace() == (TRACE, span)
        assert trace_id() == TRACE


def test_without_an_open_span_there_is_no_trace():
    assert open_trace() == NO_TRACE


def test_elastic_apm_is_asked_too_where_opentelemetry_has_no_span(monkeypatch):
    monkeypatch.setitem(sys.modules, "elasticapm", types.SimpleNamespace(get_trace_id=lambda: TRACE))

    assert open_trace() == (TRACE, None)


@pytest.mark.parametrize(
    ("message", "span"),
    [
        ({"traceparent": PARENT}, SPAN),
        ({"traceparent": f"00-{TRACE}-{SPAN}-00"}, None),
        ({"traceparent": f"cc-{TRACE}-{SPAN}-09"}, SPAN),
        ({"sentry-trace": f"{TRACE}-{SPAN}-1"}, SPAN),
        ({"sentry-trace": f"{TRACE}-{SPAN}-0"}, None),
        ({"sentry-trace": f"{TRACE}-{SPAN}"}, None),
        ({"headers": {"traceparent": PARENT}}, SPAN),
        ({"elasticapm": {"trace_parent_string": PARENT}}, SPAN),
        ({"_sentry_trace_headers": {"sentry-trace": f"{TRACE}-{SPAN}-1"}}, SPAN),
    ],
)
def test_the_trace_in_a_message_is_found(message, span):
    assert carried_trace({"id": "7", "headers": None} | message) == (TRACE, span)


@pytest.mark.parametrize(
    "value", [None, 7, "", b"x", [PARENT], "00-xyz", f"{PARENT}-more", PARENT.upper(), f"\n{PARENT}"]
)
def test_what_is_no_trace_is_left_alone(value):
    assert carried_trace({"traceparent": value, "elasticapm": value}) == NO_TRACE
