"""LINE: every event passes the logger `slowtask.run` of the standard library.

Attach handlers of your own to that logger: a record's `msg` is the event as a dict. The handler that
appends lines to `SLOWTASK_LOG` is attached on the first event.
"""

import logging
import sys
from typing import Final, cast

from slowtask.append import File, Stream
from slowtask.config import OFF, STDOUT, Settings, settings
from slowtask.event import DATASET, Run, fields
from slowtask.guard import Trouble, guarded, trouble
from slowtask.line import LineFormatter, Record

NAME: Final = DATASET


class LineHandler(logging.Handler):
    """Appends each event as one line."""

    def __init__(self, chosen: Settings) -> None:
        super().__init__()
        self.settings = chosen
        self._formatter = LineFormatter()
        self._lines = opened(chosen)

    def emit(self, record: logging.LogRecord) -> None:
        """Append *record*, whose `msg` is an event; a failure is counted, never raised."""
        try:
            event = cast("Record", record.msg)
            self._lines.append(self._formatter.line(event, self._lines.limit))
        except Exception as error:  # noqa: BLE001 - disk full, unwritable: never the task's business
            trouble(Trouble.EVENT, error)

    def close(self) -> None:
        """Close the file; it is opened again where an event follows."""
        self._lines.close()
        super().close()


_handler: LineHandler | None = None


def write(run: Run) -> None:
    """Send *run* through the logger, and so to its line. Never raises: a lost record is counted."""
    with guarded():
        ready().handle(logging.LogRecord(NAME, logging.INFO, "", 0, fields(run), None, None))


def ready() -> logging.Logger:
    """The logger, with our handler attached as the settings say."""
    global _handler  # noqa: PLW0603 - the one default handler of this process
    logger = logging.getLogger(NAME)
    logger.disabled = False  # `dictConfig` disables every logger that it doesn't name
    chosen = settings()
    if _handler is None or _handler.settings is not chosen:
        if _handler is not None:
            logger.removeHandler(_handler)
            _handler.close()
        _handler = LineHandler(chosen)
        logger.propagate = False  # a worker's console is no place for JSON
    if _handler not in logger.handlers and chosen.log != OFF:
        logger.addHandler(_handler)
    return logger


def opened(chosen: Settings) -> File | Stream:
    """Where the lines of *chosen* go."""
    if chosen.log == STDOUT:
        return Stream(sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return File(chosen.log, chosen.log_max_bytes, chosen.log_backups)
