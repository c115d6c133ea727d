"""WATCH: the loop: polls, writes samples, judges, tells. It goes on whatever the broker does.

Where the broker can't be seen that is an alarm of its own, and nothing is written that isn't known.
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
from slowtask.watch.alarm import Alarms, Rules, Told
from slowtask.watch.findings import findings, unseen
from slowtask.watch.samples import alert, samples
from slowtask.watch.settings import MonitorSettings
from slowtask.watch.tell import Channels, body, title
from slowtask.watch.view import View, Watch

log = logging.getLogger("slowtask.monitor")

SLOWEST: Final = 60.0  #: seconds between two polls of a broker that can't be seen
LEVELS: Final = {"ok": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}
Write = Callable[[bytes], None]


class Lines:
    """Writes lines by *write* to the file at *path*. If it can't be written, that is logged once."""

    def __init__(
        self,
        write: Write,
        path: str,
        noticed: Callable[[str | None], None] = lambda problem: None,  # noqa: ARG005 - nothing to do
    ) -> None:
        self._write = write
        self._path = printable(path)
        self._noticed = noticed
        self._lost = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise `UsageError` where it can't be written now."""
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
                    self._say(error)
                return
            if self._lost:
                lost = plural(self._lost, "line")
                log.info("the monitor's log %s is written again; %s lost.", self._path, lost)
                self._lost = 0
                self._noticed(None)

    def _say(self, error: OSError) -> None:
        """That lines are lost from now on."""
        problem = (
            f"the monitor's log {self._path} can't be written ({error.strerror}): samples and alerts are lost"
            " there, the watch and its channels go on. Make room, or let this user write there."
        )
        log.warning("%s", problem)
        self._noticed(problem)


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
        seen: Callable[[View], None] = lambda view: None,  # noqa: ARG005 - nothing to do
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._name = name
        self._settings = settings
        self._write = write
        self._channels = channels
        self._seen = seen
        self._clock = clock
        self._alarms = Alarms(Rules(repeat=settings.repeat, calm=settings.calm))
        self._failures = 0
        self._noted: set[str] = set()
        self._formatter = LineFormatter()

    def run(self, stop: threading.Event) -> None:
        """Poll every so often until *stop* is set."""
        while not stop.is_set():
            begin = self._clock()
            self.step()
            stop.wait(max(0.0, self.pause() - (self._clock() - begin)))

    def pause(self) -> float:
        """Seconds until the next poll: more where the last ones failed."""
        interval = self._settings.interval
        return min(interval * (1 << min(self._failures, 6)), max(SLOWEST, interval))

    def step(self) -> list[Told]:
        """One poll, and all that follows from it; what was told."""
        try:
            view = self._watch.poll()
        except BrokerError as error:
            self._failures += 1
            return self._told([unseen(self._name, error)])
        self._failures = 0
        self._seen(view)
        for sample in samples(view):
            self._append(msgspec.to_builtins(sample))
        self._note(view.poll.notes)
        found = [unseen(self._name, None), *findings(view, self._settings)]
        self._alarms.forget([each.subject for each in found])
        return self._told(found)

    def _note(self, notes: Sequence[str]) -> None:
        """Say what could be told besides, once."""
        for each in notes:
            if each not in self._noted:
                self._noted.add(each)
                log.info("%s", each)

    def _told(self, found: list[Any]) -> list[Told]:
        """Tell what *found* gives to tell: a log line, a line of the file, the channels."""
        told = self._alarms.take(found, self._clock())
        for each in told:
            log.log(LEVELS[each.state], "%s: %s", title(each, self._name), each.finding.message)
            self._append(msgspec.to_builtins(alert(each)))
            if self._channels:
                self._channels.send(each.state, title(each, self._name), body(each, self._settings.dashboard))
        return told

    def _append(self, record: dict[str, Any]) -> None:
        """Write one line; a disk that is full doesn't end the watch."""
        try:
            self._write(self._formatter.format_bounded(record, MAX_LINE_BYTES))
        except OSError as error:
            log.warning("a line could not be written: %s", error)
