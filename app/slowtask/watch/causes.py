"""WATCH: all causes of trouble, in order of precedence: how each is found, its sentence, and the next step.

Of two causes that are equally bad, the one that stands first here comes first: it explains the others. A
cause that *explains* others has them grouped under it: they follow from it. In a sentence, a word in braces
is one of the `words` of its evidence.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from slowtask.errors import BrokerError
from slowtask.watch.find import broker, flow, held, limits, memory, overruns, tasks, workers
from slowtask.watch.find.sentences import describe_blame
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import Evidence, Finding, Part
from slowtask.watch.view import View

Find = Callable[[View, Thresholds], Iterable[Evidence]]
#: What comes of a queue that nobody, or too few, empty.
LATE: Final = (
    "workers-silent", "workers-held", "queue-stalled", "queue-load", "queue-age", "queue-depth",
    "queue-overrun",
    "target-missed", "schedule-missed", "broker-full-soon", "queue-full-soon", "queue-capacity",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One row of the table."""

    name: str  #: also of its alert
    part: Part
    find: Find
    says: str  #: what is the case
    todo: str = ""  #: the next step
    explains: tuple[str, ...] = ()  #: causes that follow from it, about the same queue or about any

    def findings(self, view: View, thresholds: Thresholds) -> Iterator[Finding]:
        """Yield what is found of this cause."""
        return (self.describe(evidence) for evidence in self.find(view, thresholds))

    def describe(self, evidence: Evidence) -> Finding:
        """Make the finding of *evidence*; where all is well it needs no sentence."""
        words = evidence.words
        return Finding(
            name=self.name,
            part=self.part,
            subject=evidence.subject,
            value=evidence.value,
            warning=evidence.warning,
            critical=evidence.critical,
            lower_is_worse=evidence.lower_is_worse,
            message=self._say(evidence),
            todo=self.todo.format_map(words) if words else "",
            commands=evidence.commands,
            since=evidence.since,
            task=evidence.task,
            queue=evidence.queue,
            worker=evidence.worker,
            blame=evidence.blame,
        )

    def _say(self, evidence: Evidence) -> str:
        """Make the sentence of *evidence*, and one about whose runs fill the workers."""
        if not evidence.words:
            return ""
        blamed = f" {describe_blame(evidence.blame)}" if evidence.blame else ""
        return self.says.format_map(evidence.words) + blamed


CAUSES: Final = (
    Cause(
        name="broker-writes-refused", part="broker", find=broker.find_refused_writes,
        says="{broker} {refuses} writes: {reason}.{count} No job can be sent, taken or ended.", todo="{todo}",
        explains=("workers-none", *LATE),
    ),
    Cause(
        name="broker-replica", part="broker", find=broker.find_replica,
        says="{broker} is a replica of {master}: {effect}.",
        todo="Give clients, workers and the monitor the address of the master, or make this the master.",
        explains=("workers-none", *LATE),
    ),
    Cause(
        name="broker-evicts", part="broker", find=memory.find_evictions,
        says="{broker} evicted {count} in the last {span} ({policy}): {effect}.",
        todo="Set maxmemory-policy noeviction, and raise maxmemory.",
        explains=("broker-policy", "broker-capacity", "broker-full-soon"),
    ),
    Cause(
        name="broker-alarm", part="broker", find=limits.find_alarm, says="{says}",
        explains=("broker-capacity", "broker-full-soon", "queue-load"),
    ),
    Cause(
        name="broker-capacity", part="broker", find=limits.find_full, says="{says}",
        explains=("broker-full-soon",),
    ),
    Cause(
        name="broker-emptied", part="broker", find=broker.find_emptied,
        says="{broker} {event}: {lost}.",
        todo="Send the lost jobs again.{workers} Find out why it kept no data: save and appendonly decide.",
        explains=("workers-none",),
    ),
    Cause(
        name="broker-slow", part="broker", find=broker.find_slow,
        says="One answer of {broker} took {took}{usual}{ago}: all its clients waited.",
        todo="Look for {suspects}.",
        explains=("workers-silent", "queue-stalled", "queue-load", "queue-overrun"),
    ),
    Cause(
        name="workers-none", part="workers", find=workers.find_none,
        says="No live worker on {queue}: {waiting}{oldest}, and nothing takes them.{lost}{kept}",
        todo="Start a worker.",
        explains=LATE,
    ),
    Cause(
        name="workers-not-consuming", part="workers", find=workers.find_not_consuming,
        says="No worker serves {queue}: {waiting}{oldest}. {workers}.",
        todo="Start a worker for it, or let one serve it again.",
        explains=LATE,
    ),
    Cause(
        name="schedule-late", part="flow", find=flow.find_schedule_late,
        says="No scheduler moves the scheduled jobs of {queue}: the first of {count} was due {late} ago.",
        todo="Start a worker with --with-scheduler.",
    ),
    Cause(
        name="workers-silent", part="workers", find=workers.find_silent,
        says="{workers}, {left}; {queue}: {waiting}{oldest}.",
        todo="Look at its process on its host: is it stopped, swapping or cut off? Restart it.",
        explains=LATE,
    ),
    Cause(
        name="workers-held", part="workers", find=held.find_held,
        says="{workers} {queue} {held} by {jobs}; {waiting}{oldest}.",
        todo="{advice}End the job if it hangs (py-spy dump shows where), and give its task a time limit.",
        explains=LATE,
    ),
    Cause(
        name="queue-starved", part="flow", find=flow.find_starved,
        says="{queue} starves: {workers} serve {rival} first, to which {rival_in} jobs/s come and {rival_out}"
        " leave. In {queue} {waiting}{oldest}.",
        todo="Give {queue} workers of its own, or {rival} more.",
        explains=("queue-load", "queue-stalled", "queue-age", "queue-depth", "target-missed"),
    ),
    Cause(
        name="queue-capacity", part="broker", find=limits.find_full_queue, says="{says}",
        explains=("queue-full-soon",),
    ),
    Cause(name="broker-full-soon", part="broker", find=limits.find_full_soon, says="{says}"),
    Cause(name="queue-full-soon", part="broker", find=limits.find_full_queue_soon, says="{says}"),
    Cause(
        name="queue-stalled", part="flow", find=flow.find_stalled,
        says="Nothing has left {queue} for {still}: {waiting}{oldest}.",
        todo="Look at the workers' log.",
    ),
    Cause(
        name="task-slower", part="flow", find=tasks.find_slower,
        says="{task} takes {now}, {factor} times the {before} it took before {since}.",
        todo="{others}The command shows its runs.",
        explains=("queue-load", "queue-age", "queue-depth", "target-missed", "queue-overrun"),
    ),
    Cause(
        name="queue-load", part="flow", find=flow.find_overload,
        says="{load}More arrives in {queue} than its workers can do: {in} jobs/s come, {out} leave;"
        " {waiting}{oldest}. A new job waits {wait}, in five minutes {later}.{busy}",
        todo="{advice}",
        explains=("queue-age", "queue-depth", "target-missed"),
    ),
    Cause(
        name="workers-hoard", part="workers", find=held.find_hoard,
        says="{count} wait on {worker} behind {job}, while {idle} could run them.",
        todo="Set worker_prefetch_multiplier = 1.",
    ),
    Cause(
        name="queue-age", part="flow", find=flow.find_age,
        says="{queue}: {waiting}{oldest}; your limit is {limit}. {in} jobs/s come, {out} leave.",
    ),
    Cause(
        name="queue-depth", part="flow", find=flow.find_depth,
        says="{queue}: {waiting}{oldest}; your limit is {limit}. {in} jobs/s come, {out} leave.",
    ),
    Cause(name="target-missed", part="flow", find=tasks.find_targets, says="{says}"),
    Cause(
        name="task-killed", part="flow", find=tasks.find_killed,
        says="{task} was killed {times} in {seconds}{facts}.",
        todo="Look for an out-of-memory kill in the kernel's log (dmesg) of that host.",
    ),
    Cause(
        name="task-failing", part="flow", find=tasks.find_failing,
        says="{share} of {task} failed{error}; usually {usual} do.",
        todo="See their traceback in the log of runs.",
    ),
    Cause(
        name="schedule-missed", part="flow", find=tasks.find_missed,
        says="{task} came last {silence} ago, usually every {period}.",
        todo="Is {scheduler} running?",
    ),
    Cause(
        name="task-memory", part="flow", find=tasks.find_memory,
        says="{task} needs {now} of memory, and needed {before} before {since}.",
        todo="Look for a leak or larger input. Until then let worker processes end after fewer jobs.",
    ),
    Cause(name="queue-overrun", part="workers", find=overruns.find_overrun, says="{says}"),
    Cause(
        name="results-kept", part="broker", find=memory.find_kept_results,
        says="{what} never expire, or only after a month, and hold {share} of what {broker} stores.{failed}",
        todo="{todo}",
    ),
    Cause(name="broker-gaps", part="broker", find=limits.find_gaps, says="{says}"),
    Cause(name="broker-policy", part="broker", find=limits.find_policy, says="{says}"),
    Cause(name="queue-drops", part="broker", find=limits.find_drops, says="{says}"),
    Cause(name="queue-mirrored", part="broker", find=limits.find_mirrored, says="{says}"),
    Cause(
        name="queue-draining", part="flow", find=flow.find_draining,
        says="{queue} drains: {waiting}{oldest}; {out} jobs/s leave and {in} come, so it is empty in"
        " {drained}.",
    ),
)  # fmt: skip
PRECEDENCE: Final = {cause.name: place for place, cause in enumerate(CAUSES, 1)}


def find_all(view: View, thresholds: Thresholds) -> list[Finding]:
    """Return all that is found at one poll, in order of precedence."""
    return [finding for cause in CAUSES for finding in cause.findings(view, thresholds)]


def broker_unseen(name: str, error: BrokerError | None) -> Finding:
    """Whether the broker called *name* can be read; *error* says why not. It precedes all causes."""
    return Finding(
        name="broker-unseen",
        part="broker",
        subject=name,
        value=0.0 if error is None else 1.0,
        warning=None,
        critical=1.0,
        message=f"{name} can be read again."
        if error is None
        else f"the broker can't be read, so the state of its queues is unknown: {error}",
    )
