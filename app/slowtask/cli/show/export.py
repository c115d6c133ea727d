"""The ranking for other programs: JSON and CSV, of the same columns."""

import csv as csv_format
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TextIO

import msgspec

from slowtask.rank.ranking import Task

COLUMNS = [each.name for each in fields(Task)]


def json(tasks: Sequence[Task], file: TextIO) -> None:
    """Write *tasks* as an array of objects, `null` where there is nothing to say."""
    file.write(msgspec.json.format(msgspec.json.encode(list(tasks)), indent=2).decode() + "\n")


def csv(tasks: Sequence[Task], file: TextIO) -> None:
    """Write *tasks* as CSV, an empty cell where there is nothing to say."""
    writer = csv_format.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, tasks))
