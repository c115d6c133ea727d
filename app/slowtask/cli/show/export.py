"""Make the rows of the ranking for other programs: JSON and CSV have the same columns."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final, TextIO

from slowtask.cli.show.groups import key_by_field
from slowtask.rank.ranking import Task
from slowtask.rank.review import Entry, Review
from slowtask.units import printable

KEYS: Final = tuple(field.name for field in fields(Task))
#: A spreadsheet calculates a cell that begins with one of these, or with the wide forms of Asian scripts.
FORMULA: Final = tuple("=+-@" + "\uff1d\uff0b\uff0d\uff20")


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
    """Write *rows*, which have the same keys, as CSV; unknown values are empty cells.

    Names come from logs: a user who writes to one must not make a spreadsheet or a terminal do anything.
    """
    names = list(rows[0]) if rows else KEYS
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(map(_make_harmless, names))
    writer.writerows(map(_make_harmless, row.values()) for row in rows)


def _make_harmless(value: Any) -> Any:
    """*value*; a text without control characters, and behind an apostrophe if it looks like a formula."""
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _review(entry: Entry) -> dict[str, str | None]:
    """The reviewer of a task, and the note."""
    return {"reviewed": entry.by or None, "note": entry.note or None}
