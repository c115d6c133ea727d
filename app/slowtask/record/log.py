"""LINE: every event passes the logger `slowtask.run` of the standard library.

Attach handlers of your own to that logger: a record's `msg` is the event as a dict. The handler that
appends lines to `SLOWTASK_LOG` is attached on the first event.
"""

import logging
import sys
import time
from typing import Any, Final

from slowtask.record.append import File, Stream
from slowtask.record.event import DATASET, Run, fields
from slowtask.record.guard import Guard, Trouble, guarded, trouble
from slowtask.record.line import LineFormatter
from slowtask.record.settings import OFF, STDOUT, Settings, settings

NAME: Final = DATASET


class LineHandler(logging.Handler):
    """Appends each event as one line."""

    def __init__(self, chosen: Settings) -> None:
        super().__init__()
        self.settings = chosen
        self._formatter = LineFormatter()
        self._lines = opened(chosen)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line of *record*'s event."""
        self.append(record.run)  # type: ignore[attr-defined]

    def append(self, run: Run) -> None:
        """Append the line of *run*; a failure is counted, never raised."""
        try:
            self._lines.append(self._formatter.line(run, self._lines.limit))
        except Exception as error:  # noqa: BLE001 - disk full, unwritable: never the task's business
            trouble(Trouble.EVENT, error)

    def alone(self, logger: logging.Logger) -> bool:
        """Whether this handler is all that listens to *logger*."""
        return logger.handlers == [self] and not (logger.filters or self.filters or logger.propagate)

    def close(self) -> None:
        """Close the file; it is opened again where an event follows."""
        self._lines.close()
        super().close()


class EventRecord(logging.LogRecord):
    """A `LogRecord` of an event; its `msg`, the event as a dict, is made when a handler asks for it.

    Copied from one: looking up thread, process and source anew takes longer than making the line.
    """

    def __init__(self, run: Run) -> None:
        self.__dict__.update(PROTOTYPE)
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.process = run.pid
        self._run = run  # an underscore keeps it out of what JSON formatters take for extra fields

    @property
    def run(self) -> Run:
        """The event."""
        return self._run

    def __getattr__(self, name: str) -> Any:
        if name != "msg":
            raise AttributeError(name)
        self.msg = fields(self._run)
        return self.msg


PROTOTYPE: Final = logging.LogRecord(NAME, logging.INFO, "", 0, "", None, None).__dict__
del PROTOTYPE["msg"]

_logger = logging.getLogger(NAME)
_handler: LineHandler | None = None


def write(run: Run) -> None:
    """Send *run* through the logger, and so to its line. Never raises: a lost record is counted."""
    with guarded:
        logger = ready()
        if _handler and _handler.lock and _handler.alone(logger):
            with _handler.lock:
                _handler.append(run)  # what `handle` comes to, without a record that nobody sees
        else:
            with Guard(Trouble.HANDLER):
                logger.handle(EventRecord(run))


def ready() -> logging.Logger:
    """The logger, with our handler attached as the settings say."""
    _logger.disabled = False  # `dictConfig` disables every logger that it doesn't name
    chosen = settings()
    if _handler is None or _handler.settings is not chosen:
        _replace_handler(chosen)
    if _handler not in _logger.handlers and chosen.log != OFF and _handler:
        _logger.handlers.insert(0, _handler)  # the line is written, whatever other handlers do
    return _logger


def _replace_handler(chosen: Settings) -> None:
    """Make the handler that *chosen* asks for."""
    global _handler  # noqa: PLW0603 - the one default handler of this process
    if _handler is not None:
        _logger.removeHandler(_handler)
        _handler.close()
    _handler = LineHandler(chosen)
    _logger.propagate = False  # a worker's console is no place for JSON


def opened(chosen: Settings) -> File | Stream:
    """Where the lines of *chosen* go."""
    if chosen.log == STDOUT:
        return Stream(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return File(chosen.log, chosen.log_max_bytes, chosen.log_backups)
