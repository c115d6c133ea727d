"""`slowtask monitor`: watch the broker as a service, and send alerts."""

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

from slowtask.cli.brokers import add_url_options, choose_urls, open_brokers
from slowtask.errors import UsageError
from slowtask.record.append import File, Stream
from slowtask.record.settings import OFF, STDOUT
from slowtask.watch.settings import MonitorSettings, load

if TYPE_CHECKING:
    from slowtask.watch.monitor import Monitor, Write


@click.command
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path), envvar="SLOWTASK_MONITOR_CONFIG",
    help="A TOML file of settings. Default: SLOWTASK_MONITOR_CONFIG.",
)  # fmt: skip
@add_url_options
@click.option("--test-alert", is_flag=True, help="Send a test message to each channel, then exit.")
@click.pass_context
def monitor(context: click.Context, /, *, config: Path | None, test_alert: bool, **urls: str | None) -> None:
    """Watch the broker and send alerts before it is full.

    Every 5 seconds the monitor polls the broker of RQ or Celery. It writes a sample of each queue and of the
    broker to slowtask-monitor.ndjson. It sends an alert when a limit is 72 % used (warning) or 80 % used
    (critical), or when the forecast says that the limit is near, and names the tasks to blame. Alerts go to
    stderr, to that file and to your channels, such as Slack or mail. It only reads: no queue is changed.

    \b
    As a service:
      slowtask monitor --config /etc/slowtask.toml
    Do the channels work?
      slowtask monitor --config /etc/slowtask.toml --test-alert

    All settings and alerts: docs/monitor.md.

    \b
    Exit status:
      0  ended by SIGTERM or Ctrl-C, or every test was sent
      1  a channel failed the test
      2  a setting is wrong; stderr names each mistake
    """
    settings = load(config, os.environ)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    if test_alert:
        context.exit(send_test_alerts(settings))
    run(settings, choose_urls(urls, os.environ, settings))


def send_test_alerts(settings: MonitorSettings) -> int:
    """Send a test to each channel and return the exit status. Raises `UsageError` if there is no channel."""
    from slowtask.watch.channels import try_channels

    if not settings.channels:
        raise UsageError("no channels to test: set them in --config or SLOWTASK_MONITOR_CHANNELS.")
    results = try_channels(settings.channels)
    for name, sent, seconds in results:
        click.echo(f"{name}: {'sent' if sent else 'FAILED'}, {seconds:.1f} s")
    return 0 if all(sent for _, sent, _ in results) else 1


def run(settings: MonitorSettings, urls: Mapping[str, str]) -> None:
    """Watch until SIGTERM or Ctrl-C. Raises `SlowtaskError` if a setting is wrong."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with ExitStack() as stack:
        *others, first = make_monitors(settings, urls, stack)
        logging.getLogger("slowtask.monitor").info("watching, a poll every %g s", settings.interval)
        threads = [threading.Thread(target=other.run, args=(stop,), daemon=True) for other in others]
        for thread in threads:
            thread.start()
        first.run(stop)
        for thread in threads:  # one that still waits for its broker is left behind
            thread.join(1.0)
    logging.getLogger("slowtask.monitor").info("stopped")


def make_monitors(settings: MonitorSettings, urls: Mapping[str, str], stack: ExitStack) -> "list[Monitor]":
    """Make a monitor for each broker, and what they share; *stack* closes all of it in order.

    Each monitor has its own alerts, since both brokers may have a queue of the same name, and none waits for
    the other.
    """
    from slowtask.cli.advice import AdviceReader
    from slowtask.cli.follow import make_follower
    from slowtask.cli.runs import Reader
    from slowtask.watch.advice import Adviser
    from slowtask.watch.channels import open_senders
    from slowtask.watch.history import History
    from slowtask.watch.metrics.counts import RunCounts
    from slowtask.watch.metrics.health import Health
    from slowtask.watch.metrics.server import serve
    from slowtask.watch.monitor import LineFile, Monitor
    from slowtask.watch.tell import Channel, Channels
    from slowtask.watch.typical import Runs
    from slowtask.watch.view import Watch

    brokers = open_brokers(urls, settings.celery_queues)
    health = Health(3 * settings.interval + 10, systems=[broker.system for broker in brokers])
    channels: Any = None
    if settings.channels:
        channels = Channels([Channel(name, send) for name, send in open_senders(settings.channels)])
        stack.callback(channels.stop)
    lines = LineFile(open_log(settings, stack), settings.log, partial(health.report, "log"))
    lines.check()
    counts = RunCounts(settings.metrics_tasks)
    history = History(on_run=counts.add) if settings.metrics else History()
    runs = Runs(
        Reader(settings.runs), settings.runs,
        notify=partial(health.report, "runs"), follow=make_follower(settings.runs), history=history,
    )  # fmt: skip
    if settings.metrics:
        server = serve(settings.metrics, health, (counts, history))
        stack.callback(server.shutdown)
    adviser = Adviser(AdviceReader(settings.runs))
    return [
        Monitor(
            Watch(broker, settings, runs, runs.mix, runs.history, advise=adviser.say), broker.name, settings,
            write=lines.write, channels=channels, on_view=health.update,
        )
        for broker in brokers
    ]  # fmt: skip


def open_log(settings: MonitorSettings, stack: ExitStack) -> "Write":
    """Open the log of samples and alerts; returns the function that writes a line to it."""
    if settings.log == OFF:
        return lambda _line: None
    if settings.log == STDOUT:
        return Stream(sys.stdout.fileno()).append
    file = File(settings.log, settings.log_max_bytes, settings.log_backups)
    stack.callback(file.close)
    return file.append
