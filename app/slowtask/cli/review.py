"""The file of `slowtask top --review`: the reviewed tasks, with their reviewers and figures."""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from slowtask.cli.show.groups import count_nouns
from slowtask.cli.terminal import print_message
from slowtask.errors import SourceError, UsageError
from slowtask.rank.ranking import Task
from slowtask.rank.review import Entry, make_entry, review_tasks
from slowtask.units import printable

if TYPE_CHECKING:
    from slowtask.cli.show.ranking import View

TASK: Final = "task"  #: the table of tasks; that of another field has its full name
KEYS: Final = tuple(field.name for field in fields(Entry))
FIGURE: Final = re.compile(rf"\s*({'|'.join(each for each in KEYS if each not in ('by', 'note'))})\s*=")
DIGITS: Final = 4  #: of a figure: enough to compare, and short in a diff
HEAD: Final = """\
# What `slowtask top --review` has shown. Write your name at `by` and what you found at `note`: the task is
# then hidden until it gets worse. Delete its table to be shown it anew, with new figures. Times are in
# seconds. slowtask only appends tables, unless you --accept: the order and the comments are yours.
"""


class ReviewFile:
    """A file of TOML. Nothing that is in it is ever changed: new tables are appended.

    Raises `UsageError` if it can't be read, or isn't what `--review` writes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = printable(str(path))
        self._check_place()
        self._text = self._read()
        self._tables = self._parse(self._text)

    def entries(self, group: str | None) -> Mapping[str, Entry]:
        """What is written down, by task; by value of the field *group*, if that is ranked."""
        return self._tables.get(group or TASK, {})

    def add(self, tasks: Iterable[Task], group: str | None) -> int:
        """Append those of *tasks* that aren't in the file; return how many. Raises `SourceError`."""
        known, today = self.entries(group), datetime.now(UTC).date()
        new = [
            write_table((group or TASK, task.task), make_entry(task, today))
            for task in tasks
            if task.task not in known
        ]
        if new:
            old = self._text or HEAD
            self._replace("\n".join([old if old.endswith("\n") else f"{old}\n", *new]))
        return len(new)

    def accept(self, task: Task, group: str | None) -> None:
        """Replace the figures of *task* by its present ones; the reviewer and the note stay.

        Raises `UsageError` if there is no such table, or its lines can't be told from others.
        """
        key = (group or TASK, task.task)
        known = self.entries(group).get(task.task)
        if known is None:
            raise UsageError(
                f"{self.name} has no table [{write_key(key)}]: --accept updates one that is there."
            )
        figures = replace(make_entry(task, datetime.now(UTC).date()), by=known.by, note=known.note)
        text = replace_figures(self._text, key, figures)
        wanted = {field: {**tables} for field, tables in self._tables.items()}
        wanted[key[0]] |= self._parse(write_table(key, figures))[key[0]]
        if not self._holds(text, wanted):
            raise UsageError(
                f"{self.name}: correct the figures of [{write_key(key)}] by hand. Nothing was changed."
            )
        self._replace(text)
        self._text, self._tables = text, wanted

    def _holds(self, text: str, wanted: Mapping[str, Mapping[str, Entry]]) -> bool:
        """Whether *text* says what is *wanted*, and nothing else."""
        try:
            return self._parse(text) == wanted
        except UsageError:
            return False

    def _check_place(self) -> None:
        """Raise `UsageError` if nothing can be written here, before a long log is read."""
        folder = self.path.parent
        if self.path.is_dir():
            raise UsageError(f"{self.name} is a folder: name a file, as in --review {self.name}/review.toml.")
        if not folder.is_dir():
            raise UsageError(f"There is no folder {printable(str(folder))}: make it first.")
        if not os.access(self.path if self.path.exists() else folder, os.W_OK):
            raise UsageError(f"This user can't write to {self.name}: choose another file for --review.")

    def _read(self) -> str:
        """The text of the file; empty if there is none yet."""
        try:
            return self.path.read_bytes().decode() if self.path.exists() else ""
        except OSError as error:
            raise UsageError(f"{self.name} can't be read ({error.strerror}).") from None
        except UnicodeDecodeError:
            raise UsageError(f"{self.name} isn't a text in UTF-8: nothing was changed.") from None

    def _parse(self, text: str) -> dict[str, dict[str, Entry]]:
        """The tables of *text*, by field and name."""
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise UsageError(f"{self.name} isn't TOML ({error}): correct it. Nothing was changed.") from None
        return {field: self._parse_tables(field, tables) for field, tables in found.items()}

    def _parse_tables(self, field: str, tables: Any) -> dict[str, Entry]:
        """The tables of one *field*."""
        if not isinstance(tables, dict):
            raise self._wrong(f'{printable(field)!a} must be a table, as in [{TASK}."shop.mail.send"]')
        return {name: self._parse_entry(write_key((field, name)), table) for name, table in tables.items()}

    def _parse_entry(self, key: str, table: Any) -> Entry:
        """The entry under *key*."""
        if not isinstance(table, dict):
            raise self._wrong(f"{key} must be a table: a name with dots needs quotes")
        if unknown := [each for each in table if each not in KEYS]:
            hint = " (a name with dots needs quotes)" if isinstance(table[unknown[0]], dict) else ""
            raise self._wrong(f"[{key}] has an unknown key {unknown[0]!a}{hint}; known are {', '.join(KEYS)}")
        try:
            return msgspec.convert(table, Entry)
        except msgspec.ValidationError as error:
            raise self._wrong(f"[{key}]: {printable(str(error))}") from None

    def _wrong(self, what: str) -> UsageError:
        """The error for contents that `--review` doesn't know."""
        return UsageError(f"{self.name}: {what}. Nothing was changed.")

    def _replace(self, text: str) -> None:
        """Write *text* entirely or not at all. Raises `SourceError`."""
        target = self.path.resolve()  # so that a link stays a link
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            scratch.write_bytes(text.encode())
            if target.exists():
                scratch.chmod(target.stat().st_mode)
            scratch.replace(target)
        except OSError as error:
            raise SourceError(
                f"{self.name} can't be written ({error.strerror}): choose another --review."
            ) from error
        finally:
            scratch.unlink(missing_ok=True)


def accept_tasks(view: "View", file: ReviewFile, names: Sequence[str]) -> None:
    """Replace the figures of the tasks *names* in *file* by their present ones. Raises `UsageError`."""
    tasks = {task.task: task for task in view.tasks}
    for name in names:
        if name not in tasks:
            raise UsageError(f"--accept {printable(name)!a}: no {view.noun} of the ranking has this name.")
        file.accept(tasks[name], view.group)
    if done := sorted(set(names)):
        print_message(f"{file.name} has the figures of now for {', '.join(map(printable, done))}.")


def apply_review(view: "View", file: ReviewFile, limit: int | None) -> "View":
    """Hide the reviewed tasks, and add to *file* those that are shown for the first time."""
    view = replace(view, review=review_tasks(view.tasks, file.entries(view.group)))
    added = file.add(view.rows(limit).tasks, view.group)
    remarks = []
    if count := len(view.hidden):
        verb = "was" if count == 1 else "were"
        remarks.append(f"{count_nouns(count, view.noun)} {verb} reviewed: {file.name} says by whom.")
    if added:
        remarks.append(
            f"{count_nouns(added, view.noun, 'new')} in {file.name}: write your name at `by` to hide one."
        )
    return replace(view, remarks=tuple(remarks))


def replace_figures(text: str, key: tuple[str, str], entry: Entry) -> str:
    """*text* with the figures of *entry* in the table *key*; all other lines stay as they are."""
    lines = text.splitlines(keepends=True)
    start = next((place for place, line in enumerate(lines) if _is_head(line, key)), len(lines) - 1) + 1
    length = next((n for n, line in enumerate(lines[start:]) if line.lstrip().startswith("[")), None)
    end = len(lines) if length is None else start + length
    old = [place for place in range(start, end) if FIGURE.match(lines[place])]
    place = old[0] if old else start
    figures = [f"{line}\n" for line in write_table(key, entry).splitlines() if FIGURE.match(line)]
    kept = [line for number, line in enumerate(lines[place:], place) if number not in old]
    return "".join([*lines[:place], *figures, *kept])


def _is_head(line: str, key: tuple[str, str]) -> bool:
    """Whether *line* begins the table *key*."""
    try:
        return line.lstrip().startswith("[") and tomllib.loads(line) == {key[0]: {key[1]: {}}}
    except tomllib.TOMLDecodeError:
        return False


def write_table(key: tuple[str, str], entry: Entry) -> str:
    """The TOML of *entry*, without what is unknown; always in the same order."""
    values = {name: getattr(entry, name) for name in KEYS}
    lines = [f"{name} = {_write_value(value)}" for name, value in values.items() if value is not None]
    return "\n".join([f"[{write_key(key)}]", *lines, ""])


def write_key(parts: Iterable[str]) -> str:
    """A dotted key of TOML, with quotes where it needs them: `task."shop.mail.send"`."""
    return ".".join(part if part.isascii() and part.isidentifier() else _quote(part) for part in parts)


def _write_value(value: Any) -> str:
    """A text, a date or a number in TOML."""
    if isinstance(value, str):
        return _quote(value)
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)


def _quote(text: str) -> str:
    """A text in TOML; what can't be printed is escaped."""
    return '"' + "".join(map(_escape, text)) + '"'


def _escape(character: str) -> str:
    """One character of a text in TOML."""
    if character in '"\\':
        return f"\\{character}"
    return character if character.isprintable() else f"\\U{ord(character):08X}"
