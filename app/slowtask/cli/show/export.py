"""Write the ranking for other programs, as JSON or CSV with the same columns."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TextIO

import msgspec

from slowtask.rank.ranking import Task
from slowtask.rank.review import Entry, Review

KEYS: Final = tuple(field.name for field in fields(Task))


def make_rows(tasks: Sequence[Task], group: str | None = None) -> list[dict[str, Any]]:
    """Make a row of each of *tasks*; with *group*, its value is under the name of that field."""
    return [_row(task, group) for task in tasks]


def add_reviews(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], entries: Mapping[str, Entry], review: Review
) -> list[dict[str, Any]]:
    """Add to *rows* of the tasks *names* who looked at each, with which note, and what got worse since."""
    return [
        {**row, **_review(entries.get(name, Entry())), "worse": review.worse.get(name)}
        for row, name in zip(rows, names, strict=True)
    ]


def write_json(rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write *rows* as an array of objects; unknown values are `null`."""
    file.write(msgspec.json.format(msgspec.json.encode(list(rows)), indent=2).decode() + "\n")


def write_csv(rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write *rows*, which have the same keys, as CSV; unknown values are empty cells."""
    writer = csv.DictWriter(file, list(rows[0]) if rows else KEYS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _review(entry: Entry) -> dict[str, str | None]:
    """Who looked at a task, and what they wrote."""
    return {"reviewed": entry.by or None, "note": entry.note or None}


def _row(task: Task, group: str | None) -> dict[str, Any]:
    """The row of *task*."""
    row = asdict(task)
    value = row.pop("task")
    return {"task": value} | row if group is None else {group: value or None} | row
