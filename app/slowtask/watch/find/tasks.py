"""WATCH: what is wrong with tasks, by the log of their runs: slower, failing, killed, missed, or too late."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TypeVar

from slowtask.units import duration, percent, plural, printable, size
from slowtask.watch.changes import KILL_SECONDS, Failing, Growing, Killed, Slower
from slowtask.watch.find.commands import quote
from slowtask.watch.schedules import Missed
from slowtask.watch.settings import Thresholds
from slowtask.watch.targets import TargetState
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import View

MANY_KILLS: Final = 3  #: within `KILL_SECONDS`, from which on it is critical
MOST: Final = 0.5  #: share of runs that fail, from which on it is critical
MANY_PERIODS: Final = 10.0  #: of silence, from which on a missed schedule is critical
RECENTLY: Final = 3 * 3600.0  #: seconds; what happened earlier gets the time of day
MAX_NAMES: Final = 3  #: of hosts in a sentence
Kind = TypeVar("Kind", Slower, Failing, Killed, Growing)


def changes_of(view: View, kind: type[Kind]) -> Iterator[Kind]:
    """Yield the changes of one *kind*."""
    return (change for change in view.tasks.changes if isinstance(change, kind))


def find_slower(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the tasks that take longer than they did."""
    for change in changes_of(view, Slower):
        yield Evidence(
            subject=change.task,
            task=change.task,
            queue=change.queue,
            value=change.shift.factor,
            warning=1.0,
            critical=None,
            words=slower_words(change, view.poll.time / 1e6),
            since=change.shift.since,
            commands=(f"slowtask top --since 1h --task {quote(change.task)}",),
        )


def slower_words(change: Slower, now: float) -> dict[str, str]:
    """Return the words of a task that became slower."""
    shift, before = change.shift, change.before
    others = f"Compare it with {printable(before)}, or go back to that. " if before else ""
    return {
        "task": printable(change.task),
        "before": duration(shift.before),
        "now": duration(shift.now),
        "factor": f"{shift.factor:.2g}",
        "since": describe_since(change.version, shift.since, now),
        "others": others or "See what has changed then: code, data, or a service that it calls. ",
    }


def describe_since(version: str | None, since: float, now: float) -> str:
    """Return `version 2.0, which began 4m 12s ago`, or `14:05 UTC`."""
    ago = max(0.0, now - since)
    clock = datetime.fromtimestamp(since, UTC).strftime("%H:%M UTC")
    when = f"{duration(ago)} ago" if ago < RECENTLY else f"at {clock}"
    return f"version {printable(version)}, which began {when}" if version else clock


def find_failing(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the tasks that fail more often than they did."""
    for change in changes_of(view, Failing):
        error = f" with {printable(change.error)}" if change.error else ""
        version = f", all of version {printable(change.version)}" if change.version else ""
        yield Evidence(
            subject=change.task,
            task=change.task,
            queue=change.queue,
            value=CRITICAL if change.failures >= MOST * change.runs else WARNING,
            words={
                "task": printable(change.task),
                "share": f"{change.failures} of the last {plural(change.runs, 'run')}",
                "error": error + version,
                "usual": percent(change.usual),
            },
            since=change.since,
        )


def find_killed(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the tasks whose runs were killed a moment ago."""
    for change in changes_of(view, Killed):
        yield Evidence(
            subject=change.task,
            task=change.task,
            queue=change.queue,
            value=float(change.count),
            warning=1.0,
            critical=float(MANY_KILLS),
            words=killed_words(change),
            since=change.since,
        )


def killed_words(change: Killed) -> dict[str, str]:
    """Return the words of a task whose runs were killed."""
    hosts = ", ".join(map(printable, change.hosts[:MAX_NAMES]))
    facts = (
        printable(change.reason) if change.reason else "",
        f"peak memory {size(change.memory)}" if change.memory else "",
        f"on host {hosts}" if hosts else "",
    )
    known = ", ".join(filter(None, facts))
    return {
        "task": printable(change.task),
        "times": "once" if change.count == 1 else f"{change.count} times",
        "seconds": duration(KILL_SECONDS),
        "facts": f": {known}" if known else "",
    }


def find_memory(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the tasks that need more memory than they did."""
    for change in changes_of(view, Growing):
        yield Evidence(
            subject=change.task,
            task=change.task,
            queue=change.queue,
            value=change.shift.factor,
            warning=1.0,
            critical=None,
            words={
                "task": printable(change.task),
                "before": size(change.shift.before),
                "now": size(change.shift.now),
                "since": describe_since(change.version, change.shift.since, view.poll.time / 1e6),
            },
            since=change.shift.since,
        )


def find_missed(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the schedules whose task doesn't come, neither waits nor runs."""
    present = {each.task for each in view.backlog} | {job.task for job in view.running}
    for missed in view.tasks.missed:
        schedule = missed.schedule
        if schedule.task not in present:
            yield Evidence(
                subject=schedule.task,
                task=schedule.task,
                queue=schedule.queue,
                value=missed.silence / schedule.period,
                warning=0.0,
                critical=MANY_PERIODS,
                words=missed_words(missed, view.poll.system),
                since=schedule.last + schedule.period,
            )


def missed_words(missed: Missed, system: str) -> dict[str, str]:
    """Return the words of a schedule that is missed."""
    return {
        "task": printable(missed.schedule.task),
        "silence": duration(missed.silence),
        "period": duration(missed.schedule.period),
        "scheduler": "rq cron, or what else enqueues it," if system == "rq" else "celery beat",
    }


def find_targets(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield all targets of the user, as they are kept."""
    queues = {each.queue.name: each for each in view.queues}
    for target in view.tasks.targets:
        kept = target.state == "ok"
        late = None if kept or target.kind == "run" else queues.get(target.name)
        yield Evidence(
            subject=f"{target.name} ({'wait' if target.kind == 'wait' else 'run time'})",
            queue=target.name if target.kind == "wait" else None,
            task=target.name if target.kind == "run" else None,
            value=0.0 if kept else CRITICAL if target.state == "critical" else WARNING,
            words={"says": describe_target(target)},
            blame=late.blame if late else None,
        )


def describe_target(target: TargetState) -> str:
    """Return how a target is kept: what missed it, and what will."""
    name, limit = printable(target.name), duration(target.seconds)
    verb = "waited" if target.kind == "wait" else "took"
    said = (
        f"{name}: {target.missed:,} of {plural(target.runs, 'run')} in the last"
        f" {duration(60.0 * target.minutes)} {verb} longer than {limit}, your target for"
        f" {percent(target.share)} of them."
    )
    if target.misses_in is None:
        return said
    when = "now" if not target.misses_in else f"in {duration(target.misses_in)}"
    wait = f" A job that comes now waits {duration(target.predicted)}." if target.predicted else ""
    soon = f"{name} misses its target of {limit} {when} if it goes on like this.{wait}"
    return f"{said} {soon}" if target.missed else soon
