"""WATCH: the monitor's loop: poll, write samples, update alerts, notify. It goes on whatever the broker does.

A broker that can't be read is an alert of its own; no sample is written then.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from slowtask.errors import BrokerError, UsageError
from slowtask.record.line import MAX_LINE_BYTES, LineFormatter
from slowtask.units import plural, printable
from slowtask.watch.alerts import Alerts, Key, Notification, Rules, key_of
from slowtask.watch.causes import broker_unseen, find_all
from slowtask.watch.ending import Endings, Scene
from slowtask.watch.links import find_links
from slowtask.watch.message import describe, make_message, title
from slowtask.watch.pages import Pages, find_standing
from slowtask.watch.samples import alert_line, sample_lines
from slowtask.watch.settings import MonitorSettings
from slowtask.watch.summary import judge_findings
from slowtask.watch.tell import Channels
from slowtask.watch.verdict import Finding, Verdict
from slowtask.watch.view import View, Watch, find_deepest

log = logging.getLogger("slowtask.monitor")

MAX_RETRY_INTERVAL: Final = 60.0  #: seconds between two polls of a broker that can't be read
LOG_LEVELS: Final = {"ok": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
Write = Callable[[bytes], None]


class LineFile:
    """Writes lines by *write* to the file at *path*; a failure is logged once, and so is its end."""

    def __init__(
        self,
        write: Write,
        path: str,
        notify: Callable[[str | None], None] = lambda problem: None,  # noqa: ARG005 - nothing to do
    ) -> None:
        self._write = write
        self._path = printable(path)
        self._notify_problem = notify
        self._lost = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `UsageError` if the file can't be written now."""
        try:
            self._write(b"")
        except OSError as error:
            raise UsageError(
                f"the monitor's log {self._path} can't be written ({error.strerror}): set"
                " SLOWTASK_MONITOR_LOG (log in --config) to a path that this user may write, or to off."
            ) from None

    def write(self, line: bytes) -> None:
        """Write *line*, after those of other threads; a line that can't be written is lost."""
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                self._lost += 1
                if self._lost == 1:
                    self._report(error)
                return
            if self._lost:
                lost = plural(self._lost, "line")
                log.info("the monitor's log %s can be written again; %s lost.", self._path, lost)
                self._lost = 0
                self._notify_problem(None)

    def _report(self, error: OSError) -> None:
        """Report that lines are lost from now on."""
        problem = (
            f"the monitor's log {self._path} can't be written ({error.strerror}). Samples and alerts are lost"
            " there; channels still get alerts. Free disk space, or let this user write there."
        )
        log.warning("%s", problem)
        self._notify_problem(problem)


class Monitor:
    """Watches one broker."""

    def __init__(  # noqa: PLR0913 - what it is made of
        self,
        watch: Watch,
        name: str,
        settings: MonitorSettings,
        *,
        write: Write,
        channels: Channels | None = None,
        on_view: Callable[[View, Verdict], None] = lambda view, verdict: None,  # noqa: ARG005 - nothing to do
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._name = name
        self._settings = settings
        self._write = write
        self._channels = channels
        self._on_view = on_view
        self._clock = clock
        self._alerts = Alerts(Rules(repeat=settings.repeat, calm=settings.calm))
        self._pages = Pages()
        self._endings = Endings()
        self._view: View | None = None  #: of the last poll that succeeded
        self._failures = 0
        self._noted: set[str] = set()
        self._formatter = LineFormatter()

    def run(self, stop: threading.Event) -> None:
        """Poll every interval until *stop* is set."""
        while not stop.is_set():
            begin = self._clock()
            self.poll()
            stop.wait(max(0.0, self.next_interval() - (self._clock() - begin)))

    def next_interval(self) -> float:
        """Seconds until the next poll; doubled with each poll that failed."""
        interval = self._settings.interval
        return min(interval * (1 << min(self._failures, 6)), max(MAX_RETRY_INTERVAL, interval))

    def poll(self) -> list[Notification]:
        """Poll once, write samples, update alerts; returns what was sent."""
        try:
            view = self._watch.poll()
        except BrokerError as error:
            self._failures += 1
            return self._notify([broker_unseen(self._name, error)], complete=False)
        self._failures, self._view = 0, view
        found = find_all(view, self._settings)
        self._on_view(view, judge_findings(view, found))
        told = self._notify([broker_unseen(self._name, None), *found])
        for sample in sample_lines(view, found, self._alerts.began(view.poll.time / 1e6, self._clock())):
            self._append(msgspec.to_builtins(sample))
        self._log_notes(view.poll.notes)
        self._alerts.forget_calm()
        return told

    def _log_notes(self, notes: Sequence[str]) -> None:
        """Log each note once."""
        for each in notes:
            if each not in self._noted:
                self._noted.add(each)
                log.info("%s", each)

    def _notify(self, findings: Sequence[Finding], *, complete: bool = True) -> list[Notification]:
        """Log what *findings* change, and send it to the channels: one page for one cause."""
        now = self._clock()
        changes = self._alerts.take(findings, now, complete=complete)
        pages = self._pages.group(self._alerts, changes, now, find_deepest(self._view))
        ends = self._describe_ends(changes)
        for change in changes:
            self._log_change(change, describe(change, ends.get(key_of(change), "")))
        for page in pages:
            if self._channels:
                ended = ends.get(key_of(page.notification), "")
                links = find_links(self._settings, page.notification.finding, time.time())
                self._channels.send(make_message(page, self._name, links, ended))
        return changes

    def _describe_ends(self, changes: Sequence[Notification]) -> dict[Key, str]:
        """What ended each alert that is over by one of *changes*; remember this poll for those that stand."""
        if self._view is None:
            return {}
        scene = Scene(self._view)
        self._endings.note(find_standing(self._alerts), scene)
        over = (change for change in changes if change.state == "ok")
        return {key_of(change): self._endings.describe(change.finding, scene) for change in over}

    def _log_change(self, change: Notification, text: str) -> None:
        """Log a change of one alert, and which alert it follows from."""
        cause = self._pages.cause(change.finding)
        follows = f" It follows from {cause}." if cause else ""
        said = text if change.state == "ok" else f"{title(change)}. {text}"
        said += f" At {self._name}." if change.finding.subject != self._name else ""
        log.log(LOG_LEVELS[change.state], "%s [%s]%s", said, change.finding.name, follows)
        self._append(msgspec.to_builtins(alert_line(change, text, cause)))

    def _append(self, record: dict[str, Any]) -> None:
        """Write one line; a full disk doesn't end the loop."""
        try:
            self._write(self._formatter.format_bounded(record, MAX_LINE_BYTES))
        except OSError as error:
            log.warning("a line could not be written: %s", error)
