"""Read the runs of a log column by column, in order of arrival, for a replay."""

from array import array
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from slowtask.store import BadLines, Guess

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK_ROWS: Final = 50_000  #: rows that are Python objects at a time


class Numbering(dict[str, int]):
    """Numbers names from 0, in the order in which they come."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The runs with a known wait and run time, each at the same place of all columns. Times are in ns."""

    arrival: MutableSequence[int] = field(default_factory=lambda: array("q"))  #: since the epoch; never falls
    wait: MutableSequence[int] = field(default_factory=lambda: array("q"))
    took: MutableSequence[int] = field(default_factory=lambda: array("q"))
    task: MutableSequence[int] = field(default_factory=lambda: array("l"))  #: an index into `tasks`
    queue: MutableSequence[int] = field(default_factory=lambda: array("l"))  #: an index into `queues`
    worker: MutableSequence[int] = field(default_factory=lambda: array("l"))  #: an index into `workers`
    tasks: Sequence[str] = ()
    queues: Sequence[str] = ()  #: `""`: the log names none
    workers: Sequence[str] = ()  #: `""`: the log names none
    left_out: int = 0  #: runs left out: their wait or run time isn't known
    bad: BadLines = field(default_factory=BadLines)
    source: str = ""  #: what was read
    skipped: int = 0  #: logs left out because their packed form is read
    guessed: Sequence[Guess] = ()  #: the logs whose dates were guessed


def read_columns(
    rows: "DuckDBPyConnection | None", counts: Sequence[Mapping[str, Any]], bad: BadLines, source: str
) -> Columns:
    """Read the *rows* of the table `picked`, which *counts* describes; None if there is no table."""
    tasks, queues, workers = Numbering(), Numbering(), Numbering()
    left_out = sum(row["left_out"] for row in counts)
    columns = Columns(bad=bad, source=source, left_out=left_out)
    while rows and (chunk := rows.fetchmany(CHUNK_ROWS)):
        *times, task, queue, worker = zip(*chunk, strict=True)
        for column, values in zip((columns.arrival, columns.wait, columns.took), times, strict=True):
            column.extend(values)
        columns.task.extend(map(tasks.__getitem__, task))
        columns.queue.extend(map(queues.__getitem__, queue))
        columns.worker.extend(map(workers.__getitem__, worker))
    return replace(columns, tasks=tuple(tasks), queues=tuple(queues), workers=tuple(workers))
