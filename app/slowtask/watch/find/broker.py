"""WATCH: what is wrong with a broker's server: it refuses writes, is a replica, lost its data or is slow."""

from collections.abc import Iterator, Mapping
from typing import Final

from slowtask.record.event import SECOND
from slowtask.units import duration, plural, printable
from slowtask.watch.broker.facts import RefusalReason, ServerFacts
from slowtask.watch.broker.track import MIN_SLOW_SECONDS, Emptied, SlowAnswer
from slowtask.watch.find.commands import redis_cli
from slowtask.watch.find.sentences import MAX_NAMED
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import View

MAX_ADDRESS: Final = 200  #: characters
#: The first word of the error of a refused write.
ERRORS: Final[Mapping[RefusalReason, str]] = {
    "snapshot": "MISCONF",
    "append-only": "MISCONF",
    "few-replicas": "NOREPLICAS",
    "memory": "OOM",
    "replica": "READONLY",
}
REASONS: Final[Mapping[RefusalReason, str]] = {
    "snapshot": "its last snapshot couldn't be saved",
    "append-only": "it can't write to its append-only file",
    "few-replicas": "fewer replicas are connected than min-replicas-to-write demands",
    "memory": "they need more memory than it has left",
}
REMEDIES: Final[Mapping[RefusalReason, str]] = {
    "snapshot": "Free space on its disk, or let it write there, then run BGSAVE. Its log has the reason.",
    "append-only": "Free space on its disk. Its log has the reason.",
    "few-replicas": "Start the replicas, or lower min-replicas-to-write.",
    "memory": "Raise maxmemory, or free memory.",
}
REFUSAL_COMMANDS: Final[Mapping[RefusalReason, tuple[str, ...]]] = {
    "snapshot": ("CONFIG GET dir", "BGSAVE"),
    "append-only": ("CONFIG GET dir",),
    "few-replicas": ("INFO replication",),
    "memory": ("INFO memory",),
}

RECENT_START: Final = 600  #: seconds for which it is worth saying that a server has started


def find_refused_writes(view: View, thresholds: Thresholds) -> Iterator[Evidence]:
    """Yield whether a Redis refuses writes. That it is a replica, or surely full, other causes tell."""
    facts = view.poll.server_facts
    if facts is None:
        return
    reason = facts.writes_refused or ("memory" if view.changes.refused.get("OOM") else None)
    if reason is None or reason == "replica" or (reason == "memory" and _is_told_full(view, thresholds)):
        yield Evidence(subject=view.poll.name, value=0.0)
        return
    count = view.changes.refused.get(ERRORS[reason], 0)
    certain = facts.refusal_certain or bool(count)
    yield Evidence(
        subject=view.poll.name,
        value=CRITICAL if certain else WARNING,
        words={
            "broker": view.poll.name,
            "refuses": "refuses" if certain else "may refuse",
            "reason": f"{REASONS[reason]} ({ERRORS[reason]})",
            "count": describe_count(count, view.changes.span, certain=certain),
            "todo": REMEDIES[reason],
        },
        commands=redis_cli(view, *REFUSAL_COMMANDS[reason]),
    )


def _is_told_full(view: View, thresholds: Thresholds) -> bool:
    """Whether `broker-capacity` tells that the memory is critically full."""
    return any(each.limit.is_memory and each.ratio >= thresholds.capacity for each in view.capacities)


def describe_count(count: int, span: float, *, certain: bool) -> str:
    """`It refused 12 in the last 60 s.`, or what can't be known."""
    if count:
        return f" It refused {plural(count, 'write')} in the last {duration(span)}."
    if certain:
        return ""
    return " Whether it does depends on settings that this user may not read (CONFIG GET)."


def find_replica(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether a Redis is a replica, to which no job can be sent."""
    facts = view.poll.server_facts
    if facts is None or facts.role is None:
        return
    if facts.role == "master":
        yield Evidence(subject=view.poll.name, value=0.0)
        return
    state, effect = judge_replica(view, facts)
    master = printable(facts.master or "another server")[:MAX_ADDRESS]
    link = "" if facts.link_up else ", to which it has no connection now"
    yield Evidence(
        subject=view.poll.name,
        value=state,
        words={"broker": view.poll.name, "master": f"{master}{link}", "effect": effect},
        commands=redis_cli(view, "INFO replication"),
    )


def judge_replica(view: View, facts: ServerFacts) -> tuple[float, str]:
    """Return how bad it is that the Redis is a replica, and what it means."""
    if facts.writes_refused != "replica":
        return WARNING, "it takes jobs, but loses them when it next copies its master"
    count = view.changes.refused.get("READONLY", 0)
    flows = (queue.flow for queue in view.queues if queue.flow)
    if not count and any(flow.arrivals or flow.departures for flow in flows):
        return WARNING, "it refuses writes, and its queues change only as its master's do"
    refused = (
        f" It refused {plural(count, 'write')} in the last {duration(view.changes.span)}." if count else ""
    )
    return CRITICAL, f"no job can be sent to it or taken from it.{refused}".rstrip(".")


def find_emptied(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether a server has lost its data."""
    lost = view.changes.emptied
    if lost is None:
        yield Evidence(subject=view.poll.name, value=0.0)
        return
    yield Evidence(
        subject=view.poll.name,
        value=CRITICAL,
        queue=lost.queues[0].name if lost.queues else None,
        words={
            "broker": view.poll.name,
            "event": "came back empty" if lost.restarted else "was emptied",
            "lost": describe_lost(lost),
            "workers": describe_workers(view, lost),
        },
        since=lost.time / 1e6,
        commands=redis_cli(view, "INFO persistence", "CONFIG GET save", "CONFIG GET appendonly"),
    )


def describe_lost(lost: Emptied) -> str:
    """`queue mail with 201 jobs is gone, no worker is registered; 0 of 512 keys are left`."""
    parts = [
        f"queue {printable(queue.name)} with {plural(queue.depth, 'job')} is gone"
        for queue in lost.queues[:MAX_NAMED]
    ]
    if more := len(lost.queues) - MAX_NAMED:
        parts += [f"so {'is' if more == 1 else 'are'} {plural(more, 'more queue')}"] if more > 0 else []
    parts += ["no worker is registered"] if lost.workers else []
    keys = f"{lost.kept_keys:,} of {plural(lost.keys, 'key')} {'is' if lost.kept_keys == 1 else 'are'} left"
    return "; ".join(filter(None, (", ".join(parts), keys)))


def describe_workers(view: View, lost: Emptied) -> str:
    """What to do about RQ's workers, which go on but don't register again."""
    if not lost.workers or view.poll.system != "rq":
        return ""
    return " Restart the workers: they don't register again by themselves."


def find_slow(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield how long the slowest answer of the last minute took."""
    slow = view.changes.slow
    yield Evidence(
        subject=view.poll.name,
        value=slow.took if slow else 0.0,
        warning=MIN_SLOW_SECONDS,
        critical=None,
        words=slow_words(view, slow) if slow else {},
        since=slow.time / 1e6 if slow else None,
        commands=redis_cli(view, "SLOWLOG GET 10", "INFO persistence") if slow else (),
    )


def slow_words(view: View, slow: SlowAnswer) -> dict[str, str]:
    """Return the words of the sentence about a *slow* answer."""
    ago = (view.poll.time - slow.time) * 1000
    redis = "a slow command, a snapshot, swapping, or the network"
    return {
        "broker": view.poll.name,
        "took": duration(slow.took),
        "ago": f", {duration(ago / SECOND)} ago" if ago else "",
        "usual": f" (usually {duration(slow.usual)})" if slow.usual else "",
        "suspects": redis if view.poll.server == "redis" else "an overloaded machine, or the network",
    }


def describe_start(view: View) -> str:
    """Say that a server has started lately; what it held before isn't known."""
    facts = view.poll.server_facts
    if facts is None or facts.uptime is None or facts.uptime > RECENT_START:
        return ""
    empty = not any(queue.queue.depth for queue in view.queues) and not view.poll.workers
    lost = " and holds no job and no worker: if it should, it has lost its data" if empty else ""
    return f"{view.poll.name} started {duration(float(facts.uptime))} ago{lost}."
