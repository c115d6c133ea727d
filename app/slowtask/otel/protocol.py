"""OTEL: open the SDK's exporters, as the standard variables `OTEL_*` say."""

import os
from importlib import import_module
from typing import Any, Final, Literal

from slowtask.errors import UsageError

Signal = Literal["metrics", "logs", "traces"]

#: Where each exporter is, in the package of each protocol.
EXPORTERS: Final[dict[Signal, tuple[str, str]]] = {
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
    "logs": ("_log_exporter", "OTLPLogExporter"),
    "traces": ("trace_exporter", "OTLPSpanExporter"),
}
PACKAGES: Final = {"http/protobuf": "http", "grpc": "grpc"}
DEFAULT_PROTOCOL: Final = "http/protobuf"


def is_on(signal: Signal) -> bool:
    """Whether *signal* is to be sent: `OTEL_LOGS_EXPORTER=none` and its like switch it off.

    Raises `UsageError` for an exporter that isn't OTLP's.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    chosen = os.environ.get(variable, "").strip() or "otlp"
    if chosen not in {"otlp", "none"}:
        raise UsageError(f"{variable}={chosen} isn't supported: set it to otlp or none.")
    return chosen == "otlp"


def open_exporter(signal: Signal) -> Any:
    """Open the SDK's exporter of *signal*; it reads its address and the like from `OTEL_*` itself.

    Raises `UsageError` if the protocol is unknown or its package isn't installed.
    """
    protocol = read_protocol(signal)
    module, name = EXPORTERS[signal]
    try:
        found = import_module(f"opentelemetry.exporter.otlp.proto.{PACKAGES[protocol]}.{module}")
    except ImportError:
        package = f"opentelemetry-exporter-otlp-proto-{PACKAGES[protocol]}"
        raise UsageError(f"OTLP by {protocol} needs a package: pip install {package}.") from None
    return getattr(found, name)()


def read_protocol(signal: Signal) -> str:
    """The protocol that the variables choose for *signal*. Raises `UsageError` for an unknown one."""
    for variable in (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := os.environ.get(variable, "").strip():
            if protocol not in PACKAGES:
                raise UsageError(f"{variable}={protocol} isn't supported: use {' or '.join(PACKAGES)}.")
            return protocol
    return DEFAULT_PROTOCOL
