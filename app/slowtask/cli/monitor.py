"""`slowtask monitor`: the watcher, a service."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slowtask.cli.brokers import addresses, brokers, named
from slowtask.errors import UsageError
from slowtask.record.append import File, Stream
from slowtask.record.settings import OFF, STDOUT
from slowtask.watch.settings import MonitorSettings, load

if TYPE_CHECKING:
    from slowtask.watch.monitor import Monitor, Write

HELP = """Watch the queues of RQ or Celery, and the broker they are in; warn while there is still room.

Every few seconds a sample of each queue and of the broker goes to slowtask-monitor.ndjson, which Filebeat can
ship to the dashboard Queues. An alert comes at 80 % of its room, or when that is near, and names the tasks
to blame: on stderr, in that file, and through the channels that you set.

\b
As a service:              slowtask monitor --config /etc/slowtask.toml
Are the channels right?    slowtask monitor --config /etc/slowtask.toml --test-alert

Settings are keys of that file, or variables: docs/monitor.md.
"""


@click.command(help=HELP)
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), envvar="SLOWTASK_MONITOR_CONFIG",
    help="A TOML file of settings; SLOWTASK_MONITOR_CONFIG.",
)  # fmt: skip
@addresses
@click.option("--test-alert", is_flag=True, help="Try the channels, and end: status 1 where one fails.")
@click.pass_context
def monitor(  # noqa: D103 - HELP says it
    context: click.Context, /, *, config: Path | None, test_alert: bool, **urls: str | None
) -> None:
    settings = load(config, os.environ)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    if test_alert:
        context.exit(try_channels(settings))
    run(settings, named(urls, os.environ, settings))


def try_channels(settings: MonitorSettings) -> int:
    """Send a test to each channel; returns the exit status. Raises `UsageError` where there is none."""
    from slowtask.watch.tell import tried

    if not settings.channels:
        raise UsageError("there are no channels: set them in --config or SLOWTASK_MONITOR_CHANNELS.")
    found = tried(settings.channels)
    for name, taken, seconds in found:
        click.echo(f"{name}: {'sent' if taken else 'FAILED'}, {seconds:.1f} s")
    return 0 if all(taken for _, taken, _ in found) else 1


def run(settings: MonitorSettings, urls: Mapping[str, str]) -> None:
    """Watch until SIGTERM or Ctrl-C. Raises `SlowtaskError` for what is wrong with the settings."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        *others, first = make(settings, urls, stack)
        logging.getLogger("slowtask.monitor").info("watching, every %g s", settings.interval)
        threads = [threading.Thread(target=each.run, args=(stop,), daemon=True) for each in others]
        for each in threads:
            each.start()
        first.run(stop)
        for each in threads:  # one that waits for a broker that is away is left behind
            each.join(1.0)
    logging.getLogger("slowtask.monitor").info("stopped")


def make(settings: MonitorSettings, urls: Mapping[str, str], stack: ExitStack) -> "list[Monitor]":
    """A monitor of each broker with all that *settings* ask for; *stack* ends it in order.

    Each has alarms of its own, for both may have a queue of one name, and doesn't wait for the other.
    """
    from slowtask.cli.runs import Reader
    from slowtask.watch.metrics import Health, served
    from slowtask.watch.monitor import Lines, Monitor
    from slowtask.watch.tell import Channels, senders
    from slowtask.watch.typical import Runs
    from slowtask.watch.view import Watch

    found = brokers(urls, settings.celery_queues)
    health = Health(3 * settings.interval + 10, systems=[each.system for each in found])
    if settings.metrics:
        stack.callback(served(settings.metrics, health).shutdown)
    channels: Any = None
    if settings.channels:
        channels = Channels(senders(settings.channels))
        stack.callback(channels.stop)
    lines = Lines(writer(settings, stack), settings.log, partial(health.note, "log"))
    lines.check()
    runs = Runs(Reader(settings.runs), settings.runs, notify=partial(health.note, "runs"))
    return [
        Monitor(
            Watch(each, settings, runs, runs.mix), each.name, settings,
            write=lines.write, channels=channels, seen=health.see,
        )
        for each in found
    ]  # fmt: skip


def writer(settings: MonitorSettings, stack: ExitStack) -> "Write":
    """What writes the lines of samples and alerts."""
    if settings.log == OFF:
        return lambda line: None  # noqa: ARG005 - nowhere
    if settings.log == STDOUT:
        return Stream(sys.stdout.fileno()).append
    file = File(settings.log, settings.log_max_bytes, settings.log_backups)
    stack.callback(file.close)
    return file.append
