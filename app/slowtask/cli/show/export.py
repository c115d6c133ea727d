"""Make the rows of the ranking for other programs: JSON and CSV have the same columns."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TextIO

from slowtask.cli.show.groups import key_by_field
from slowtask.rank.ranking import Task
from slowtask.rank.review import Entry, Review

KEYS: Final = tuple(field.name for field in fields(Task))


def make_rows(tasks: Sequence[Task], group: str | None = None) -> list[dict[str, Any]]:
    """Make a row of each of *tasks*; with *group*, its value is under the name of that field."""
    return [key_by_field(asdict(task), group) for task in tasks]


def add_reviews(
    rows: Sequence[Mapping[str, Any]], names: Sequence[str], entries: Mapping[str, Entry], review: Review
) -> list[dict[str, Any]]:
    """Add to *rows* of the tasks *names* the reviewer of each, the note, and what got worse since."""
    return [
        {**row, **_review(entries.get(name, Entry())), "worse": review.worse.get(name)}
        for row, name in zip(rows, names, strict=True)
    ]


def write_csv(rows: Sequence[Mapping[str, Any]], file: TextIO) -> None:
    """Write *rows*, which have the same keys, as CSV; unknown values are empty cells."""
    writer = csv.DictWriter(file, list(rows[0]) if rows else KEYS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _review(entry: Entry) -> dict[str, str | None]:
    """The reviewer of a task, and the note."""
    return {"reviewed": entry.by or None, "note": entry.note or None}
