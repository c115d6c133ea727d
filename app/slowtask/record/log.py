"""Send every event through the standard library's logger `slowtask.run`, and write it as one line.

Attach handlers of your own to that logger: a record's `msg` is the event as a dict. The handler that
appends lines to `SLOWTASK_LOG` is attached with the first event.
"""

import logging
import sys
import time
from typing import Any, Final

from slowtask.record.append import File, Stream
from slowtask.record.event import DATASET, Run, fields
from slowtask.record.guard import Guard, Trouble, report_trouble
from slowtask.record.line import LineFormatter
from slowtask.record.lock import Lock
from slowtask.record.settings import OFF, STDOUT, Settings, current_settings

LOGGER_NAME: Final = DATASET


class LineHandler(logging.Handler):
    """Appends each event as one line."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self._formatter = LineFormatter()
        self._lines = open_log(settings)

    def emit(self, record: logging.LogRecord) -> None:
        """Append the line of *record*'s event."""
        self.append(record.run)  # type: ignore[attr-defined]

    def append(self, run: Run) -> None:
        """Append the line of *run*; count a failure, and never raise."""
        try:
            self._lines.append(self._formatter.format_run(run, self._lines.limit))
        except Exception as error:  # a full disk or a missing permission must not fail a task
            report_trouble(Trouble.EVENT, error)

    def is_only_listener(self, logger: logging.Logger) -> bool:
        """Tell whether nobody but this handler gets the records of *logger*."""
        return logger.handlers == [self] and not (logger.filters or self.filters or logger.propagate)

    def close(self) -> None:
        """Close the file; it is opened again if an event follows."""
        self.acquire()  # else another thread might write to what is open by then under the file's number
        try:
            self._lines.close()
        finally:
            self.release()
        super().close()


class EventRecord(logging.LogRecord):
    """A `LogRecord` of an event. Its `msg`, the event as a dict, is made when a handler asks for it.

    It copies its other attributes from a template: finding thread, process and source anew takes longer than
    formatting the line.
    """

    def __init__(self, run: Run) -> None:
        self.__dict__.update(RECORD_ATTRIBUTES)
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.process = run.pid
        self._run = run  # JSON formatters take names without an underscore for extra fields

    @property
    def run(self) -> Run:
        """The event."""
        return self._run

    def __getattr__(self, name: str) -> Any:
        if name != "msg":
            raise AttributeError(name)
        self.msg = fields(self._run)
        return self.msg


RECORD_ATTRIBUTES: Final = logging.LogRecord(LOGGER_NAME, logging.INFO, "", 0, "", None, None).__dict__
del RECORD_ATTRIBUTES["msg"]

_logger = logging.getLogger(LOGGER_NAME)
_handler: LineHandler | None = None
_lock = Lock()


def write(run: Run) -> None:
    """Write an event as one line of the log, and send it to the handlers of the logger `slowtask.run`.

    It never raises: a record that can't be written is counted (`troubles`), and warned of once on stderr.

    Args:
        run: The event, as `slowtask.record.run` makes it.

    Example:
        ```python
        with guarded:
            write(run(FINISHED, job, timer.stop(), id=identity(job.id), task="shop.mail.send"))
        ```
    """
    try:
        logger, handler = prepare_logger()
        # Without handlers of the user's the line is appended directly: making and passing on a LogRecord
        # that nobody sees adds a seventh to what recording costs (bench/RESULTS.md, `bench_record.py`).
        if handler.lock and handler.is_only_listener(logger):
            with handler.lock:
                handler.append(run)
        else:
            with Guard(Trouble.HANDLER):
                logger.handle(EventRecord(run))
    except Exception as error:
        report_trouble(Trouble.EVENT, error)


def prepare_logger() -> tuple[logging.Logger, LineHandler]:
    """Return the logger and our handler, which is attached to it if the settings say so."""
    _logger.disabled = False  # `dictConfig` disables every logger that it doesn't name
    settings, handler = current_settings(), _handler
    if handler is None or handler.settings is not settings or not _is_attached(handler):
        with _lock:  # else two threads that write first at the same time attach a handler each
            handler = _attach_handler(settings)
    return _logger, handler


def _is_attached(handler: LineHandler) -> bool:
    """Tell whether *handler* gets events, or must not get any."""
    return handler in _logger.handlers or handler.settings.log == OFF


def _attach_handler(settings: Settings) -> LineHandler:
    """Return the handler that *settings* ask for, attached as they say; a former one is closed."""
    global _handler  # noqa: PLW0603 - the one handler of this process
    if _handler is None or _handler.settings is not settings:
        if _handler is not None:
            _logger.removeHandler(_handler)
            _handler.close()
        _handler = LineHandler(settings)
        _logger.propagate = False  # JSON lines don't belong on a worker's console
    if not _is_attached(_handler):
        _logger.handlers.insert(0, _handler)  # first, so that the line is written whatever other handlers do
    return _handler


def open_log(settings: Settings) -> File | Stream:
    """Return what appends lines to the log that *settings* name."""
    if settings.log == STDOUT:
        return Stream(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return File(settings.log, settings.log_max_bytes, settings.log_backups)
