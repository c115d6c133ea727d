"""Render what stands around the ranking: the headline, the figures below it, and the notes."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from slowtask.cli.show.console import RED_FAILURES
from slowtask.cli.show.doubts import describe_guess, describe_history
from slowtask.cli.show.groups import SPIKY_NOTE, count_nouns, display_value
from slowtask.cli.show.report import moments
from slowtask.cli.show.report.links import breakable
from slowtask.cli.show.report.panels import name
from slowtask.cli.show.report.ranking import MAX_ROWS
from slowtask.rank.digest import describe_busy
from slowtask.rank.ranking import Task, verdict
from slowtask.record.event import SECOND
from slowtask.store.history import History
from slowtask.units import capitalize, duration, percent, plural


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One figure under the headline."""

    title: str
    value: str
    text: str = ""
    bad: bool = False


def headline(tasks: Sequence[Task], noun: str) -> str:
    """The HTML of the sentence about the first of *tasks*, which keep the names that the logs give them."""
    return escape(keep_together(verdict([shorten_name(tasks[0])], noun=noun)))


def tiles(history: History, tasks: Sequence[Task], noun: str) -> list[Tile]:
    """The figures under the headline."""
    runs, failures = sum(task.count for task in tasks), sum(task.failures for task in tasks)
    total = sum(task.total or 0 for task in tasks)
    longest = max(tasks, key=lambda task: -1 if task.max is None else task.max)
    known = longest.max is not None
    return [
        Tile(title="Runs", value=f"{runs:,}", text=f"of {_count(history, noun)}"),
        Tile(
            title="Worker time", value=duration(total) if known else "unknown",
            text=describe_busy(history.measurement),
        ),
        Tile(
            title="Failures", value=percent(failures / runs), text=plural(failures, "run"),
            bad=failures / runs >= RED_FAILURES,
        ),
        Tile(
            title="Longest run", value="unknown" if longest.max is None else duration(longest.max),
            text=name(longest.task) if known else "",
        ),
        Tile(
            title="Wait, P95", value="unknown" if history.wait is None else duration(history.wait / SECOND),
            text="" if history.wait is None else "one run in twenty waited longer",
        ),
    ]  # fmt: skip


def notes(history: History, tasks: Sequence[Task]) -> Iterator[str]:
    """Explain `~`, say how many tasks are not shown, what wasn't read, and which dates were guessed."""
    measurement = history.measurement
    if margin := max((each.margin for each in measurement.figures), default=0):
        yield f"~: from the times of log lines, ± {duration(margin / SECOND)}."
    if len(tasks) > MAX_ROWS:
        yield "slowtask top -n 0 shows all rows."
    if any(task.spread == "spiky" for task in tasks):
        yield SPIKY_NOTE
    if measurement.guessed:
        yield f"{capitalize(describe_guess(measurement.guessed))}."
    if measurement.history:
        yield f"{capitalize(describe_history(measurement.history))}."
    if measurement.bad:
        yield f"{measurement.bad.sentence}: slowtask top --bad lists which, and why."


def name_unknown(history: History, noun: str) -> History:
    """*history* with a name for the runs that have no value of the field that is ranked."""
    unknown = display_value("", noun)
    figures = tuple(replace(each, task=each.task or unknown) for each in history.measurement.figures)
    slots = (replace(each, task=unknown) if each.task == "" else each for each in history.tasks)
    return replace(
        history,
        measurement=replace(history.measurement, figures=figures),
        leading=tuple(each or unknown for each in history.leading),
        tasks=tuple(slots),
        failures=tuple(replace(each, task=each.task or unknown) for each in history.failures),
    )


def with_name(task: Task, noun: str) -> Task:
    """*task* with a name, also if its value is unknown."""
    return replace(task, task=task.task or display_value("", noun))


def _count(history: History, noun: str) -> str:
    """How many tasks or values of another field there are."""
    unknown = display_value("", noun)
    return count_nouns(sum(each.task != unknown for each in history.measurement.figures), noun)


def describe_runs(history: History, tasks: Sequence[Task], noun: str) -> str:
    """What was measured: the number of runs and tasks, the time, and the logs."""
    runs = plural(sum(each.count for each in tasks), "run")
    return f"{runs} of {_count(history, noun)}, {describe_span(history)}, {history.measurement.source}"


def describe_span(history: History) -> str:
    """The time from the end of the first run to the end of the last."""
    figures = history.measurement.figures
    return moments.period(min(each.first for each in figures), max(each.last for each in figures))


def keep_together(sentence: str) -> str:
    """Keep each number and its percent sign in *sentence* on one line."""
    return re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", sentence)


def shorten_name(task: Task) -> Task:
    """*task* with a name short enough for the headline."""
    return replace(task, task=name(task.task))


def show_tile(tile: Tile) -> str:
    """The HTML of one figure."""
    mark = "bad" if tile.bad else "figure"
    value = f"<b class={mark}>{escape(tile.value)}</b>"
    return f"<div><span>{tile.title}</span>{value}<span>{breakable(tile.text)}</span></div>"
