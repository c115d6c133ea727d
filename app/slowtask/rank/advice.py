"""RANK: finds the cheapest change that shortens the waits of a crowded queue, by replaying its log.

A number of workers is only advised where the replay without a change comes close to what really happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from slowtask.rank.change import resize_pools
from slowtask.rank.crew import find_workers
from slowtask.rank.crowd import Crowd, find_crowd, idle_share, percentile_wait, with_interval
from slowtask.rank.plans import Plan, add_workers, give_own_queue
from slowtask.rank.whatif import MAX_REPLAY_ERROR, MIN_WAIT
from slowtask.record.event import SECOND
from slowtask.units import capitalize, duration, percent, plural, printable
from slowtask.watch.advice import Advice, Wait

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

MIN_RUNS: Final = 30  #: of a queue: the percentile of fewer is luck
MAX_QUEUES: Final = 20  #: that get advice, those with the longest waits
UNCROWDED_FACTOR: Final = 2  #: a wait of so many times an idle worker's delay is as good as none
HELPFUL_SHARE: Final = 0.5  #: of the wait before: a change that leaves more isn't worth a worker
MAX_LOAD: Final = 0.9  #: from here on a queue that drains now soon won't
HOARDED_SHARE: Final = 0.1  #: of the waits, in which a worker idled: without prefetching it is below 0.01
FREE_SHARE: Final = 0.75  #: of the wait before, up to which a change helps that adds no worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A change that helps, and how much."""

    text: str  #: what to do
    whose: str = ""  #: whose waits these are: ` of the other tasks`
    added: int  #: workers
    before: Wait
    after: Wait
    moved: Sequence[float] = ()  #: p95 waits before and after of the task that gets a queue of its own

    @property
    def sentence(self) -> str:
        """`Add 1 worker to mail: p95 wait 1m 3s → 21.0 s (18.2 s to 25.1 s).`."""
        after = f"{duration(self.after.p95)} ({duration(self.after.low)} to {duration(self.after.high)})"
        own = f", its own {' → '.join(map(duration, self.moved))}" if self.moved else ""
        return f"{capitalize(self.text)}: p95 wait{self.whose} {duration(self.before.p95)} → {after}{own}."


def advise(log: "Columns", now: Mapping[str | None, int]) -> dict[str, Advice]:
    """Advice for each crowded queue of *log*, by its name, the longest waits first.

    *now* is how many workers there really were, by the names of their queues, as in `Change`.
    """
    if not len(log.arrival):
        return {}
    crew, names = find_workers(log), [printable(each) or "(no name)" for each in log.queues]
    crew = replace(crew, pools=tuple(resize_pools(crew.pools, now, names)))
    crowds = [find_crowd(log, crew, queue) for queue in find_longest_waits(log)]
    return {
        crowd.name: advise_queue(crowd)
        for crowd in crowds
        if percentile_wait(crowd.wait, crowd.mine) > find_target(crowd)
    }


def find_longest_waits(log: "Columns") -> list[int]:
    """The queues of *log* with the longest waits, the longest first."""
    longest = [0] * len(log.queues)
    for queue, wait in zip(log.queue, log.wait, strict=True):
        longest[queue] = max(longest[queue], wait)
    return sorted(range(len(longest)), key=lambda queue: (-longest[queue], log.queues[queue]))[:MAX_QUEUES]


def find_target(crowd: Crowd) -> float:
    """The p95 wait in seconds up to which nobody would call the queue of *crowd* crowded."""
    return UNCROWDED_FACTOR * max(MIN_WAIT, percentile_wait(crowd.jobs.before or (), crowd.mine))


def advise_queue(crowd: Crowd) -> Advice:
    """Advice for the queue of *crowd*, or the reason why there is none."""
    if len(crowd.mine) < MIN_RUNS:
        return refuse(crowd, f"the log has {plural(len(crowd.mine), 'run')} of it, too few for a percentile")
    replayed = crowd.replay()
    error = measure_error(crowd, replayed)
    if error > MAX_REPLAY_ERROR:
        if is_hoarded(crowd, replayed):
            return combine(crowd, [stop_prefetching(crowd, replayed)], "")
        why = f"the replay of its runs is {percent(error)} off what really happened"
        return refuse(crowd, f"{why}, as if workers had come, gone or prefetched")
    kinds = (add_workers(crowd), give_own_queue(crowd))
    offers = [offer for plans in kinds if (offer := find_offer(crowd, plans, replayed, error))]
    if not offers:
        return refuse(crowd, "in the replay neither more workers nor a queue of its own halves the waits")
    return combine(crowd, offers, f" (A replay of {describe_runs(crowd)}, {percent(error)} off.)")


def describe_runs(crowd: Crowd) -> str:
    """`622 runs within 14m 58s`: what the advice for *crowd* is made of."""
    first, *_, last = (crowd.jobs.arrival[place] for place in crowd.mine)
    return f"{plural(len(crowd.mine), 'run')} within {duration((last - first) / SECOND)}"


def measure_error(crowd: Crowd, replayed: Sequence[int]) -> float:
    """How far the *replayed* waits are from the real ones at p50 and p95, as a share of the real p95."""
    off = [
        abs(percentile_wait(crowd.wait, crowd.mine, share) - percentile_wait(replayed, crowd.mine, share))
        for share in (0.5, 0.95)
    ]
    return max(off) / percentile_wait(crowd.wait, crowd.mine)


def is_hoarded(crowd: Crowd, replayed: Sequence[int]) -> bool:
    """Whether the jobs of *crowd* waited at one worker while another idled, as Celery's prefetching does."""
    before, after = (percentile_wait(waits, crowd.mine) for waits in (crowd.wait, replayed))
    return crowd.is_celery and after <= FREE_SHARE * before and idle_share(crowd) >= HOARDED_SHARE


def stop_prefetching(crowd: Crowd, replayed: Sequence[int]) -> Offer:
    """Have each worker take a job only when it is free, as the replay does."""
    before, after = (with_interval(waits, crowd.mine, 0.0) for waits in (crowd.wait, replayed))
    # With the multiplier alone, each process still keeps one task that it can't begin.
    text = (
        "let workers prefetch nothing (worker_prefetch_multiplier = 1 with task_acks_late = True),"
        " since tasks wait at one worker while another idles"
    )
    return Offer(text=text, added=0, before=before, after=after)


def find_offer(crowd: Crowd, plans: Iterable[Plan], replayed: Sequence[int], error: float) -> Offer | None:
    """The first of *plans* that helps; *replayed* are the waits without a change."""
    for plan in plans:
        if max(plan.load, plan.moved_load) >= 1:
            continue
        waits = crowd.replay(plan.pools, plan.jobs)
        if helps(plan, replayed, waits, find_target(crowd)):
            before, after = (with_interval(each, plan.places, error) for each in (replayed, waits))
            moved = [percentile_wait(each, plan.moved) for each in (replayed, waits)] if plan.moved else []
            return Offer(
                text=plan.text, whose=plan.whose, added=plan.added, before=before, after=after, moved=moved
            )
    return None


def helps(plan: Plan, replayed: Sequence[int], waits: Sequence[int], target: float) -> bool:
    """Whether *plan* makes of the *replayed* waits *waits* that are worth it, and nobody else's too long."""
    before, after = (percentile_wait(each, plan.places) for each in (replayed, waits))
    old, new = (percentile_wait(each, plan.moved) for each in (replayed, waits))
    halved = after <= HELPFUL_SHARE * before and plan.load <= MAX_LOAD
    return before > target and (halved or after <= target) and new <= max(plan.patience * old, target)


def combine(crowd: Crowd, offers: Sequence[Offer], fit: str) -> Advice:
    """The advice of *offers*, of which those that add the fewest workers come first."""
    first, *others = sorted(offers, key=lambda offer: offer.added)
    sentence = " Or ".join(
        [first.sentence, *(f"{each.sentence[0].lower()}{each.sentence[1:]}" for each in others)]
    )
    return Advice(
        queue=crowd.name,
        sentence=sentence + fit,
        reliable=True,
        workers=first.added,
        wait_before=first.before,
        wait_after=first.after,
    )


def refuse(crowd: Crowd, why: str) -> Advice:
    """The reason why no number of workers is advised."""
    name = printable(crowd.name) or "(no name)"
    return Advice(queue=crowd.name, sentence=f"No advice on workers for {name}: {why}.", reliable=False)
