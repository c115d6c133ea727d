"""`slowtask otel`: send the runs to OpenTelemetry, as a service beside the workers."""

import logging
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slowtask.cli.options import custom_options
from slowtask.errors import SlowtaskError, UsageError
from slowtask.install import install_command
from slowtask.parse.custom import CustomFormat
from slowtask.parse.sources import STDIN, resolve
from slowtask.units import plural, printable

if TYPE_CHECKING:
    from slowtask.otel.exporter import Spans

INTERVAL_VARIABLE: Final = "OTEL_METRIC_EXPORT_INTERVAL"
INTERVAL: Final = 10.0  #: seconds
MAX_REASON_LENGTH: Final = 300  #: characters of an error of the SDK's


@click.command
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--position", type=click.Path(dir_okay=False, path_type=Path), default="slowtask-otel.position",
    show_default=True, help="The file that remembers how far each log was sent.",
)  # fmt: skip
@click.option("--from-end", is_flag=True, help="On the first start, leave out what is in the logs already.")
@click.option(
    "--spans", type=click.Choice(["none", "lost"]), default="none", show_default=True,
    help="With lost, also send a span for each run whose own was lost with its process: killed, stopped,"
    " abandoned.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Send what is in the logs, then exit.")
@custom_options
@click.pass_context
def otel(
    context: click.Context, sources: tuple[str, ...], position: Path, spans: "Spans", custom: CustomFormat,
    *, from_end: bool, once: bool,
) -> None:  # fmt: skip
    """Send the runs to OpenTelemetry: metrics, logs and lost spans.

    SOURCE is a log file, a folder or a quoted glob, as for slowtask top. Without one, SLOWTASK_LOG or
    slowtask.ndjson in this folder. The logs are followed however they are rotated. Each run is counted in
    metrics and sent as a log record, also one whose process was killed. While the receiver is down, nothing
    is read; a restart goes on where it was.

    The address and the like come from OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT,
    OTEL_EXPORTER_OTLP_HEADERS and OTEL_RESOURCE_ATTRIBUTES. OTEL_METRICS_EXPORTER=none or
    OTEL_LOGS_EXPORTER=none leaves a signal out.

    \b
    As a service beside the workers:
      export OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318
      slowtask otel /var/log/shop/
    Once, for logs that are there:
      slowtask otel logs/ --once

    What is sent: docs/otel.md. It needs: pip install 'slowtask-cli[otel]'.

    \b
    Exit status:
      0  ended by SIGTERM, Ctrl-C or --once; all that was read is accepted
      1  not all is accepted; the rest is sent at the next start
      2  an argument or a variable is wrong
    """
    require_files(sources, custom)
    context.exit(0 if serve(sources, position, spans, custom, from_end=from_end, once=once) else 1)


def require_files(sources: tuple[str, ...], custom: CustomFormat) -> None:
    """Raise `UsageError` for a source that can't be followed; say which don't exist yet."""
    if STDIN in sources:
        raise UsageError("stdin can't be followed, since it can't be read again: name log files.")
    for each in [[source] for source in sources] or [[]]:
        try:
            if packed := sum(source.kind == "parquet" for source in resolve(each, custom)):
                click.echo(f"slowtask otel: {plural(packed, 'Parquet file')} not sent: name logs.", err=True)
        except UsageError:
            raise
        except SlowtaskError as missing:
            told = str(missing).replace(", or - for stdin", "")
            click.echo(f"slowtask otel: {printable(told)} It is read once it is there.", err=True)


def serve(
    sources: tuple[str, ...],
    position: Path,
    spans: "Spans",
    custom: CustomFormat,
    *,
    from_end: bool,
    once: bool,
) -> bool:
    """Follow and send until SIGTERM or Ctrl-C; return whether all was accepted. Raises `SlowtaskError`."""
    try:
        from slowtask.otel import Exporter
    except ImportError:
        raise UsageError(f"slowtask otel needs OpenTelemetry: {install_command('otel')}.") from None
    from slowtask.otel.follow import Follower
    from slowtask.otel.place import PlaceFile
    from slowtask.otel.service import Service

    interval = read_interval()
    places = PlaceFile(position)
    follower = Follower(sources, places.load(), custom=custom, from_end=from_end and places.is_new)
    reporter = Reporter()
    exporter = Exporter(str(position.absolute()), spans=spans)
    service = Service(follower, exporter, places, stop_at_signals(), interval=interval, tell=reporter.tell)
    return service.run_once() if once else service.run()


def stop_at_signals() -> threading.Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def read_interval() -> float:
    """Read how often metrics are sent, in seconds. Raises `UsageError`."""
    text = os.environ.get(INTERVAL_VARIABLE, "").strip()
    if not text:
        return INTERVAL
    if not text.isdecimal() or not int(text):
        raise UsageError(f"{INTERVAL_VARIABLE}={text} isn't a whole number of milliseconds.")
    return int(text) / 1000


class Reporter(logging.Handler):
    """Says on stderr when runs aren't accepted any more and when they are again, not each try between."""

    def __init__(self) -> None:
        super().__init__()
        self._accepted = True
        self._reason = ""
        logger = logging.getLogger("opentelemetry")
        logger.addHandler(self)
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what the SDK says first: later it only says that it has tried often."""
        self._reason = self._reason or printable(record.getMessage()).rstrip(".")[:MAX_REASON_LENGTH]

    def tell(self, *, accepted: bool) -> None:
        """Say it at a change."""
        reason = self._reason
        if accepted:
            self._reason = ""
        if accepted == self._accepted:
            return
        self._accepted = accepted
        if accepted:
            click.echo("slowtask otel: runs are accepted again.", err=True)
        else:
            click.echo(
                f"slowtask otel: runs aren't accepted ({reason}). They wait in their logs; see that the"
                " receiver at OTEL_EXPORTER_OTLP_ENDPOINT is up.",
                err=True,
            )
