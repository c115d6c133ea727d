"""Say in words what a profile tells: the sentence on top, the facts, and the longest runs."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from slowtask.rank.link import LinkPattern
from slowtask.store.profile import Ending, Group, Groups, Holder, LongRun, Profile, Summary
from slowtask.store.slots import DAY, MINUTE
from slowtask.units import capitalize, duration, percent, plural, printable, size

MAX_EXCEPTIONS: Final = 10
MIN_SHARE: Final = 0.005  #: of a wait; a smaller share isn't shown
MAX_NAME: Final = 120  #: characters of a name in a sentence
#: Words, where no action is known; None is any outcome but a failure.
OUTCOMES: Final = {"success": "succeeded", "failure": "failed", None: "not failed"}
NOT_KNOWN: Final = "not known: slowtask's workers record it, stock logs don't have it"
NO_SINGLE_RUNS: Final = (
    "The history has no single runs, so these aren't known: the longest runs, hosts, workers, attempts,"
    " messages, how much memory most runs needed, and what the jobs waited behind."
)
SEVERAL_CORES: Final = 1.2  #: from so many on; a process that starts or ends needs some beside the run
MOSTLY: Final = 0.5  #: share of its time from which a task computes rather than waits


def cut_holders(holders: Sequence[Holder], most: int) -> tuple[list[Holder], float]:
    """The first *most* of *holders* that are worth a row, and the share of the others; 0 if that isn't."""
    shown = [each for each in holders if each.share >= MIN_SHARE][:most]
    rest = sum(each.share for each in holders) - sum(each.share for each in shown)
    return shown, rest if rest >= MIN_SHARE else 0.0


def computing_share(values: Group) -> float | None:
    """The part of the run time in which the runs of a group computed; None if that isn't known."""
    if values.cpu is None or not values.cpu_time:
        return None
    return min(1.0, values.cpu / values.cpu_time)


def name(text: str) -> str:
    """A name from a log, made printable and short enough to show."""
    shown = printable(text[: 2 * MAX_NAME])
    return shown if len(shown) <= MAX_NAME else f"{shown[: MAX_NAME - 1]}…"


def headline(profile: Profile) -> str:
    """What the task costs, and what it does in that time, in one sentence."""
    parts = []
    if profile.share is not None:
        parts.append(f"used {percent(profile.share)} of the worker time")
    if used := describe_cpu_share(profile.summary):
        parts.append(used)
    return f"{name(profile.task)} {' and '.join(parts)}." if parts else ""


def describe_cpu_share(summary: Summary) -> str:
    """What the task does while it runs: it waits on others, or computes; empty if that isn't known."""
    if summary.cpu is None or not summary.cpu_time:
        return ""
    busy = summary.cpu / summary.cpu_time
    if busy >= SEVERAL_CORES:
        return f"computes on {busy:.1f} cores at once"
    if busy > MOSTLY:
        return f"computes {percent(min(1.0, busy))} of its time"
    return f"waits on others {percent(1 - busy)} of its time"


def facts(profile: Profile) -> Iterator[tuple[str, str]]:
    """The facts of the task, each with its title."""
    summary = profile.summary
    yield "Runs", _describe_runs(profile)
    yield "Run time", _describe_times(summary)
    yield "Wait", _describe_waits(summary)
    yield "CPU", _describe_cpu(summary)
    yield "Memory", _describe_memory(summary)
    if same := _describe_same(profile):
        yield "All of", same


def _describe_runs(profile: Profile) -> str:
    """How many runs there are, how long they took in all, and how they ended."""
    summary = profile.summary
    endings = ", ".join(describe_ending(each, summary.count) for each in profile.endings)
    retries = f"; {plural(summary.retries, 'run')} of a later attempt" if summary.retries else ""
    total = "" if summary.total is None else f", {duration(summary.total)} in all"
    return f"{summary.count:,}{total}: {endings}{retries}"


def describe_ending(ending: Ending, count: int) -> str:
    """One way in which runs ended: `failed 12 (1.0 %)`."""
    word = ending.action or OUTCOMES.get(ending.outcome, "unknown outcome")
    return f"{word} {ending.count:,}" + (
        "" if ending.count == count else f" ({percent(ending.count / count)})"
    )


def _describe_times(summary: Summary) -> str:
    """The run times; `~` marks those from the times of log lines."""
    if summary.max is None:
        return "not known"
    mark = "~" if summary.margin else ""
    times = (("median", summary.p50), ("P95", summary.p95), ("P99", summary.p99), ("longest", summary.max))
    text = ", ".join(f"{title} {mark}{duration(each)}" for title, each in times if each is not None)
    return text + _of_runs(summary.timed, summary)


def _describe_waits(summary: Summary) -> str:
    """The waits."""
    if summary.wait_max is None or summary.wait_p50 is None or summary.wait_p95 is None:
        return NOT_KNOWN
    text = f"median {duration(summary.wait_p50)}, P95 {duration(summary.wait_p95)}"
    text += f", longest {duration(summary.wait_max)}, {duration(summary.waited or 0)} in all"
    return text + _of_runs(summary.waits, summary)


def _describe_cpu(summary: Summary) -> str:
    """The CPU time, and its part of the run time."""
    if summary.cpu is None:
        return NOT_KNOWN
    parts = [f"{duration(summary.cpu / summary.cpu_runs)} a run"] if summary.cpu_runs else []
    if summary.cpu_time:
        parts.append(f"{percent(min(1.0, summary.cpu / summary.cpu_time))} of the run time")
    text = ", ".join(parts)
    if used := describe_cpu_share(summary):
        text += f": it {used}"
    return text + _of_runs(summary.cpu_runs, summary)


def _describe_memory(summary: Summary) -> str:
    """The peak memory of the processes."""
    if summary.memory_max is None:
        return NOT_KNOWN
    sizes = (("median", summary.memory_p50), ("P95", summary.memory_p95), ("most", summary.memory_max))
    text = ", ".join(f"{title} {size(each)}" for title, each in sizes if each is not None)
    return f"peak: {text}" + _of_runs(summary.memory_runs, summary)


def _of_runs(known: int | None, summary: Summary) -> str:
    """Say of how many runs something is known, if not of all."""
    return "" if known in (None, summary.count) else f" (known of {plural(known or 0, 'run')})"


def _describe_same(profile: Profile) -> str:
    """What all runs have in common: `queue mail, host worker-1, RQ`."""
    summary = profile.summary
    parts = [
        f"{key} {name(each.groups[0].value or '')}" for key, each in profile.fields.items() if is_same(each)
    ]
    parts += [{"rq": "RQ", "celery": "Celery"}.get(each, name(each)) for each in summary.systems or ()]
    parts += [f"service {name(each)}" for each in summary.services or ()]
    parts += [f"environment {name(each)}" for each in summary.environments or ()]
    return ", ".join(parts)


def knows_failures(profile: Profile) -> bool:
    """Whether it is known of any run how it ended."""
    return any(each.outcome != "unknown" for each in profile.endings)


def is_same(groups: Groups) -> bool:
    """Whether all runs have the same value."""
    return groups.values == 1


def describe_moment(microseconds: int, width: int = 0) -> str:
    """A time in UTC, as exact as slots of *width* µs need: `23 Nov 2026 18:47:58`."""
    time = datetime.fromtimestamp(microseconds / 1e6, UTC)
    day = f"{time.day} {time:%b %Y}"
    if width >= DAY:
        return day
    return f"{day} {time:%H:%M}" if width >= MINUTE else f"{day} {time:%H:%M:%S}"


def describe_slot(profile: Profile, at: int) -> str:
    """The beginning of a slot, as exact as slots need: `23 Nov 2026 18:40`, or `Nov 2026` of months."""
    text = describe_moment(at, profile.width)
    return text.partition(" ")[2] if profile.unit else text


def describe_run(run: LongRun) -> str:
    """How long a run took, and how it went: `863 ms, waited 3.9 s, CPU 2.0 ms, 33.1 MB, finished`."""
    return ", ".join(filter(None, (duration(run.took), describe_course(run))))


def describe_course(run: LongRun) -> str:
    """How a run went: `waited 3.9 s, CPU 2.0 ms, 33.1 MB, finished`."""
    parts = [f"waited {duration(run.wait)}"] if run.wait is not None else []
    parts += [f"CPU {duration(run.cpu)}"] if run.cpu is not None else []
    parts += [size(run.memory)] if run.memory is not None else []
    parts += [run.action or run.outcome] if (run.action or run.outcome) != "unknown" else []
    parts += [name(run.error)] if run.error else []
    return ", ".join(parts)


def describe_place(run: LongRun) -> str:
    """Where the run and its record are: `host web-1, job 4dd940bb, worker.log at byte 16,803`."""
    parts = [f"host {name(run.host)}"] if run.host else []
    parts += [f"job {name(run.task_id)}"] if run.task_id else []
    parts += [f"attempt {run.attempt}"] if run.attempt and run.attempt > 1 else []
    parts += [f"trace {name(run.trace)}"] if run.trace else []
    if run.file:
        place = "" if run.offset is None else f" at byte {run.offset}"
        parts.append(printable(run.file) + place)
    return ", ".join(parts)


def describe_holder(holder: Holder, task: str) -> str:
    """The name of what kept the workers busy while jobs of *task* waited."""
    if holder.task is None:
        return "nothing in this log"
    return "itself" if holder.task == task else name(holder.task)


def make_link(profile: Profile, run: LongRun, pattern: LinkPattern | None) -> str | None:
    """The address of a run's trace, if a setting gives the pattern."""
    return pattern.make(profile.task, run) if pattern else None


def notes(profile: Profile) -> Sequence[str]:
    """Explain `~`, and say what was left out, and what isn't known."""
    lines = list(_describe_history(profile))
    if profile.summary.margin:
        lines.append(f"~: from the times of log lines, ± {duration(profile.summary.margin)}.")
    lines += [
        f"{capitalize(key)}: {plural(each.values - len(each.groups), 'more value')}."
        for key, each in profile.fields.items()
        if each.values > len(each.groups)
    ]
    if profile.unnamed:
        lines.append(f"{plural(profile.unnamed, 'failed run')} with rarer messages.")
    if profile.unread:
        lines.append(
            f"Exceptions: the messages of {plural(profile.unread, 'older failed run')} weren't read."
        )
    if profile.uncounted:
        lines.append(
            "What its jobs waited behind is left out: that needs each of"
            f" {plural(profile.uncounted, 'run')}, one by one. Choose a shorter time with --since."
        )
    return lines


def _describe_history(profile: Profile) -> Iterator[str]:
    """Say what the hours of a history can't tell, and from when on the logs can; nothing without one."""
    history = profile.measurement.history
    if history is None:
        return
    yield "Percentiles are within 0.3 %."
    yield NO_SINGLE_RUNS
    if profile.summary.last >= history.until.timestamp() * 1e6:
        since = f"{history.until:%Y-%m-%dT%H:%M}"
        yield f"The logs know them from {history.until:%Y-%m-%d %H:%M} UTC on: choose --since {since}."
