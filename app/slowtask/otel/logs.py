"""OTEL: make log records of runs."""

from typing import Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from slowtask import __version__
from slowtask.otel.attributes import EVENT_NAME, SCOPE, make_fields, make_resource, tell
from slowtask.otel.spans import find_context
from slowtask.record.event import Run, microseconds

#: The severity of each action; that of any other is its outcome's.
SEVERITIES: Final = {
    "retried": SeverityNumber.WARN,
    "stopped": SeverityNumber.WARN,
    "success": SeverityNumber.INFO,
    "failure": SeverityNumber.ERROR,
    "unknown": SeverityNumber.UNSPECIFIED,
}
THIS_SCOPE: Final = InstrumentationScope(SCOPE, __version__)


def make_log_record(run: Run) -> ReadableLogRecord:
    """Make the log record of *run*: its sentence, and the fields of its event as attributes."""
    severity = SEVERITIES.get(run.action or "") or SEVERITIES[run.outcome]
    record = LogRecord(
        timestamp=microseconds(run.timestamp) * 1000,
        context=find_context(run),
        severity_number=severity,
        severity_text=severity.name if severity.value else None,
        body=tell(run),
        attributes=make_fields(run),
        event_name=EVENT_NAME,
    )
    return ReadableLogRecord(record, make_resource(run), THIS_SCOPE)
