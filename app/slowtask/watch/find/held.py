"""WATCH: which jobs hold the workers, and which wait behind them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from slowtask.units import duration, plural, printable
from slowtask.watch import judge
from slowtask.watch.broker import Running
from slowtask.watch.crew import Member
from slowtask.watch.find.commands import stop_job
from slowtask.watch.find.sentences import MAX_NAMED, join_names, name_workers, queue_words
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import QueueView, View

HELD_SECONDS: Final = 10.0  #: that nothing may leave while all workers are busy
LONG_HELD_SECONDS: Final = 60.0  #: from which on jobs of unknown run time are critical
MIN_LATE_SECONDS: Final = 10.0  #: that the first job waits before one task is said to hold up the others
MOSTLY: Final = 0.5  #: share of the workers' time from which a task holds them
HELD_RUN: Final = 3.0  #: seconds; a shorter run holds up nobody
RIVAL_SHARE: Final = 0.8  #: of the workers' time, from which other queues take all of it
HELD_FACTOR: Final = 10.0  #: a job holds up others if it takes so many times as long as they do
WORKERS_OF: Final = {1: "The worker of", 2: "Both workers of"}  #: by their number


def find_held(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the queues whose workers are all held by long jobs while others wait."""
    for queue in view.queues:
        crew, depth = queue.crew, queue.queue.depth
        if not depth or not crew or not crew.slots or (crew.busy or 0) < crew.slots or not crew.jobs:
            continue
        if find_rival(queue):
            continue
        still = max(queue.pace.still, seconds_unserved(view, queue, crew.jobs))
        if still >= HELD_SECONDS:
            yield held_evidence(view, queue, crew.jobs, value=held_value(view, crew.jobs, queue))
        elif task := holding_task(view, queue):
            jobs = [job for job in crew.jobs if job.task == task]
            yield held_evidence(view, queue, jobs or crew.jobs, value=WARNING, task=task)


def find_rival(queue: QueueView) -> str | None:
    """Return the other queue that takes the time of all workers of *queue*; None if there is none."""
    crew, depth = queue.crew, queue.queue.depth
    others = {name: share for name, share in queue.pace.held_queues.items() if name != queue.queue.name}
    if not depth or not crew or not crew.slots or not queue.pace.saturated:
        return None
    return (next(iter(others)) or None) if sum(others.values()) >= RIVAL_SHARE else None


def seconds_unserved(view: View, queue: QueueView, jobs: Sequence[Running]) -> float:
    """Return for how long all workers have run the *jobs* that they run now, while the first job waited."""
    newest = min(judge.run_time(job, view.poll.time) for job in jobs)
    return min(newest, queue.late)


def held_value(view: View, jobs: Sequence[Running], queue: QueueView) -> float:
    """Return how bad it is that *jobs* hold all workers: not at all if they usually take so long."""
    took = judge.run_time(jobs[0], view.poll.time)
    usual = view.usual(jobs[0].task)
    if usual is None or usual.p99 is None:
        return CRITICAL if took >= LONG_HELD_SECONDS else WARNING
    if took > 3 * usual.p99:
        return CRITICAL
    return WARNING if queue.late >= MIN_LATE_SECONDS else 0.0


def holding_task(view: View, queue: QueueView) -> str | None:
    """Return the task whose long runs hold up shorter ones of another task; None if there is none."""
    if queue.late < MIN_LATE_SECONDS or not queue.pace.held:
        return None
    task, share = next(iter(queue.pace.held.items()))
    waiting = {each.task: each.count for each in queue.backlog}
    most = sum(waiting.values()) * MOSTLY
    if share < MOSTLY or not waiting or waiting.get(task, 0) > most:
        return None
    return task if is_longer(view, task, waiting) else None


def is_longer(view: View, task: str, waiting: Mapping[str, int]) -> bool:
    """Return whether *task* takes far longer than what mostly waits; by what runs, if no log tells."""
    usual = view.usual(task)
    other = view.usual(max(waiting, key=lambda each: waiting[each]))
    if usual and other:
        return usual.mean >= max(HELD_RUN, HELD_FACTOR * other.mean)
    return any(job.task == task and judge.run_time(job, view.poll.time) >= HELD_RUN for job in view.running)


def held_evidence(
    view: View, queue: QueueView, jobs: Sequence[Running], value: float, task: str | None = None
) -> Evidence:
    """Make the evidence that *jobs* hold the workers of *queue*."""
    first = jobs[0]
    slots = queue.crew.slots if queue.crew else None
    return Evidence(
        subject=queue.queue.name,
        queue=queue.queue.name,
        task=task or first.task,
        worker=first.worker,
        value=value,
        words=queue_words(queue)
        | {
            "workers": WORKERS_OF.get(slots or 0, f"All {slots} workers of"),
            "held": "is held" if slots == 1 else "are held",
            "jobs": describe_holders(view, queue, jobs, task),
            "advice": f"{queue.advice} " if queue.advice else "",
        },
        since=first.started / 1e6,
        commands=(stop_job(view, first),),
        blame=queue.blame,
    )


def describe_holders(view: View, queue: QueueView, jobs: Sequence[Running], task: str | None) -> str:
    """`jobs.loop (on w22 for 3m 0s, usually under 2.0 s)`."""
    if task and queue.pace.held:
        share = queue.pace.held[task]
        usual = view.usual(task)
        takes = f", {duration(usual.mean)} each" if usual else ""
        return f"{printable(task)} ({share:.0%} of their time{takes})".replace("%", " %", 1)
    by_task: dict[str | None, list[Running]] = {}
    for job in jobs:
        by_task.setdefault(job.task, []).append(job)
    parts = [describe_holder(view, *same) for same in [*by_task.values()][:MAX_NAMED]]
    more = len(by_task) - len(parts)
    return ", ".join(parts) + (f" and {plural(more, 'other task')}" if more > 0 else "")


def describe_holder(view: View, job: Running, *others: Running) -> str:
    """`jobs.loop (on w22 for 3m 0s, usually under 2.0 s)`; *others* are shorter jobs of its task."""
    usual = view.usual(job.task)
    known = f"usually under {duration(usual.p99)}" if usual and usual.p99 else "no run of it in the log yet"
    names = dict.fromkeys(printable(each.worker)[:40] for each in (job, *others) if each.worker)
    on = f"on {join_names([*names])} " if names else ""
    took = duration(judge.run_time(job, view.poll.time))
    return f"{printable(job.task or 'a job')} ({on}for {took}, {known})"


def find_hoard(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield the workers of Celery that keep fetched tasks behind a long one while another worker is free."""
    free = [
        member for member in view.members if member.is_working and member.worker.busy < member.worker.slots
    ]
    for member in view.members:
        worker = member.worker
        count = sum(worker.reserved.values())
        if not count or not member.is_working or worker.busy < worker.slots or not member.jobs:
            continue
        idle = [each for each in free if set(each.worker.queues or ()) & set(worker.queues or ())]
        if idle and seconds_hoarded(view, member) >= HELD_SECONDS:
            yield Evidence(
                subject=worker.name,
                worker=worker.name,
                queue=(worker.queues or (None,))[0],
                task=member.jobs[0].task,
                value=WARNING,
                words={
                    "worker": printable(worker.name),
                    "count": plural(count, "task"),
                    "job": describe_holder(view, member.jobs[0]),
                    "idle": name_workers(idle),
                },
                since=member.jobs[0].started / 1e6,
                commands=("celery -A APP worker --prefetch-multiplier 1",),
            )


def seconds_hoarded(view: View, member: Member) -> float:
    """Return how long what *member* has fetched waits behind what it runs: seen, or by usual run times."""
    shortest = min(judge.run_time(job, view.poll.time) for job in member.jobs)
    means = {task: usual.mean for task in member.worker.reserved if (usual := view.usual(task))}
    work = sum(mean * member.worker.reserved[task] for task, mean in means.items())
    return max(shortest, work / member.worker.slots)
