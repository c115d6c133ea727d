"""Write the ranking for other programs, as JSON or CSV with the same columns."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Final, TextIO

import msgspec

from slowtask.rank.ranking import Task

COLUMNS: Final = [field.name for field in fields(Task)]


def write_json(tasks: Sequence[Task], file: TextIO) -> None:
    """Write *tasks* as an array of objects; unknown values are `null`."""
    file.write(msgspec.json.format(msgspec.json.encode(list(tasks)), indent=2).decode() + "\n")


def write_csv(tasks: Sequence[Task], file: TextIO) -> None:
    """Write *tasks* as CSV; unknown values are empty cells."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(asdict, tasks))
