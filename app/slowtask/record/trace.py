"""Find the trace of an attempt: where instrumentation has it open, or in the message of the task."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

#: The ids of a trace and of the span in it. None: there is no trace, or the span isn't sampled.
TraceIds = tuple[str | None, str | None]

NO_TRACE: Final[TraceIds] = (None, None)
#: `traceparent` of the W3C with its version and flags, or Sentry's `sentry-trace` with a flag or none.
PARENT: Final = re.compile(r"(?:[0-9a-f]{2}-)?([0-9a-f]{32})-([0-9a-f]{16})(?:-([0-9a-f]{1,2}))?")
PARENT_NAMES: Final = ("traceparent", "trace_parent_string", "sentry-trace")
#: Where in a message they may be: Datadog's and Sentry's headers in Celery, Elastic APM's, Sentry's in RQ.
HOLDER_NAMES: Final = ("headers", "elasticapm", "_sentry_trace_headers")


def trace_id() -> str | None:
    """Return the id of the trace that OpenTelemetry or Elastic APM has open here, for `Run.trace`.

    Call it while the task runs. None if neither is in use or no trace is open.
    """
    return open_trace()[0]


def open_trace() -> TraceIds:
    """Return the trace that OpenTelemetry or Elastic APM has open here, for `Run.trace` and `Run.span`.

    Call it while the task runs. Only OpenTelemetry's sampled spans have an id.
    """
    if (telemetry := sys.modules.get("opentelemetry.trace")) is not None:
        context = telemetry.get_current_span().get_span_context()
        if context.is_valid:
            span = f"{context.span_id:016x}" if context.trace_flags.sampled else None
            return f"{context.trace_id:032x}", span
    if (apm := sys.modules.get("elasticapm")) is not None:
        return apm.get_trace_id(), None
    return NO_TRACE


def carried_trace(message: Mapping[str, Any]) -> TraceIds:
    """Return the trace that the publisher's instrumentation has put into *message*, and its span there.

    A message is the headers of a Celery task, or the meta of an RQ job.
    """
    for holder in (message, *map(message.get, HOLDER_NAMES)):
        if isinstance(holder, Mapping):
            for name in PARENT_NAMES:
                text = holder.get(name)
                if isinstance(text, str) and (found := PARENT.fullmatch(text)):
                    return found[1], found[2] if int(found[3] or "0", 16) & 1 else None
    return NO_TRACE
