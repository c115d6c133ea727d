"""STORE: the runs themselves, column by column, in order of arrival: what a replay needs of a log."""

from array import array
from collections.abc import Mapping, MutableSequence, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from slowtask.store import Bad
from slowtask.store.duck import statement

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK: Final = 50_000  #: rows that are Python objects at a time


class Names(dict[str, int]):
    """Names and their numbers, from 0, in the order in which they are met."""

    def __missing__(self, name: str) -> int:
        self[name] = number = len(self)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The runs that tell their wait and duration: each at one place of all columns, times in ns."""

    arrival: MutableSequence[int] = field(default_factory=lambda: array("q"))  #: since the epoch; never falls
    wait: MutableSequence[int] = field(default_factory=lambda: array("q"))
    took: MutableSequence[int] = field(default_factory=lambda: array("q"))
    task: MutableSequence[int] = field(default_factory=lambda: array("l"))  #: a number of `tasks`, and so on
    queue: MutableSequence[int] = field(default_factory=lambda: array("l"))
    worker: MutableSequence[int] = field(default_factory=lambda: array("l"))
    tasks: Sequence[str] = ()
    queues: Sequence[str] = ()  #: `""` where the log names none
    workers: Sequence[str] = ()  #: likewise
    untold: int = 0  #: runs left out: they don't tell how long they waited, or took
    bad: Bad = field(default_factory=Bad)
    source: str = ""  #: what was read
    skipped: int = 0  #: logs left out because their packed form is read


def gathered(
    connection: "DuckDBPyConnection", counts: Sequence[Mapping[str, Any]], bad: Bad, source: str
) -> Columns:
    """The runs in the table `picked`, of which *counts* tells; empty where there is none."""
    tasks, queues, workers = Names(), Names(), Names()
    untold = sum(row["untold"] for row in counts)
    found = Columns(bad=bad, source=source, untold=untold)
    rows = connection.execute(statement("picked")) if counts else None
    while rows and (chunk := rows.fetchmany(CHUNK)):
        *times, task, queue, worker = zip(*chunk, strict=True)
        for column, values in zip((found.arrival, found.wait, found.took), times, strict=True):
            column.extend(values)
        found.task.extend(map(tasks.__getitem__, task))
        found.queue.extend(map(queues.__getitem__, queue))
        found.worker.extend(map(workers.__getitem__, worker))
    return replace(found, tasks=tuple(tasks), queues=tuple(queues), workers=tuple(workers))
