"""OTEL: send runs to OpenTelemetry by OTLP, from a process beside the workers.

| Module | Does |
| --- | --- |
| `attributes` | names what is sent, by the semantic conventions for messaging |
| `metrics`, `logs`, `spans` | make metrics, log records and spans of runs |
| `outbox` | keeps what waits to be sent until it is accepted |
| `protocol` | opens the SDK's exporters, as the variables `OTEL_*` say |
| `exporter` | does all of that for one run after another |
| `place` | remembers how far each log was sent |
| `followed`, `follow` | read logs from there on, however they are rotated |
| `service` | reads, sends and remembers, until it is stopped |

Workers import nothing of this.
"""

from slowtask.otel.exporter import Exporter

__all__ = ["Exporter"]
