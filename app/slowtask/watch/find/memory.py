"""WATCH: what fills the memory of a Redis without need, and what it loses when it is full."""

from collections.abc import Iterator
from typing import Final

from slowtask.units import capitalize, duration, percent, plural, printable
from slowtask.watch.broker import Owner
from slowtask.watch.find.commands import redis_cli
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import CRITICAL, WARNING, Evidence
from slowtask.watch.view import View

#: By the use of the memory: what keeps less of it. These are kept for nobody to read, more often than not.
REMEDIES_BY_OWNER: Final = {
    "results": "Give these jobs a result_ttl of some seconds, and delete what is kept.",
    "finished jobs": "Give these jobs a result_ttl of some seconds, and delete what is kept.",
    "failed jobs": "Give these jobs a failure_ttl, and requeue or delete those that have failed.",
}
CELERY_REMEDY: Final = "Set result_expires, or ignore_result for tasks whose results nobody reads."
MIN_KEPT_SHARE: Final = 0.25  #: of the memory, from which on what doesn't expire is a warning
MIN_USED_SHARE: Final = 0.5  #: of the limit, under which a memory that doesn't grow has room for it
MIN_TASK_SHARE: Final = 0.5  #: of their bytes, from which on a task is named


def find_evictions(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield whether a Redis evicts keys."""
    facts, evicted = view.poll.server_facts, view.changes.evicted
    if facts is None or facts.evicted_keys is None:
        return
    if not evicted:
        yield Evidence(subject=view.poll.name, value=0.0)
        return
    policy = (view.poll.memory and view.poll.memory.policy) or "an unknown policy"
    spares_jobs = policy.startswith("volatile-")
    yield Evidence(
        subject=view.poll.name,
        value=WARNING if spares_jobs else CRITICAL,
        words={
            "broker": view.poll.name,
            "count": plural(evicted, "key"),
            "span": duration(view.changes.span),
            "policy": policy,
            "effect": "results are lost early"
            if spares_jobs
            else "waiting jobs may be lost without an error",
        },
        commands=redis_cli(view, "CONFIG SET maxmemory-policy noeviction"),
    )


def find_kept_results(view: View, _: Thresholds) -> Iterator[Evidence]:
    """Yield how much of a filling Redis is held by results and ended jobs that don't expire."""
    kept = find_kept(view)
    share = sum(owner.share * owner.forever for owner in kept)
    if not view.owners:
        return
    if share < MIN_KEPT_SHARE or not _is_filling(view):
        yield Evidence(subject=view.poll.name, value=0.0, warning=MIN_KEPT_SHARE, critical=None)
        return
    yield Evidence(
        subject=view.poll.name,
        value=share,
        warning=MIN_KEPT_SHARE,
        critical=None,
        task=kept[0].task,
        words={
            "broker": view.poll.name,
            "what": capitalize(describe_kept(kept[0])),
            "share": percent(share),
            "failed": describe_failed(view.changes.failed),
            "todo": choose_remedy(view, kept[0]),
        },
    )


def find_kept(view: View) -> list[Owner]:
    """Return the uses of the memory that should expire and don't, the largest first."""
    kept = [owner for owner in view.owners if owner.name in REMEDIES_BY_OWNER and owner.forever]
    return sorted(kept, key=lambda owner: -owner.share * owner.forever)


def choose_remedy(view: View, owner: Owner) -> str:
    """Return what lets the keys of *owner* expire."""
    return REMEDIES_BY_OWNER[owner.name] if view.poll.system == "rq" else CELERY_REMEDY


def describe_expiry(view: View) -> str:
    """`Results of jobs.big never expire: set result_ttl …`; empty unless they hold much of the memory."""
    kept = find_kept(view)
    if not kept or kept[0].share * kept[0].forever < MIN_KEPT_SHARE:
        return ""
    return f"{capitalize(describe_kept(kept[0]))} never expire: {lower_first(choose_remedy(view, kept[0]))}"


def lower_first(text: str) -> str:
    """Return *text*, which follows a colon, with a small first letter."""
    return text[:1].lower() + text[1:]


def _is_filling(view: View) -> bool:
    """Whether half of the memory is in use, or it will be full."""
    return any(
        each.limit.is_memory and (each.ratio >= MIN_USED_SHARE or each.forecast) for each in view.capacities
    )


def describe_kept(owner: Owner) -> str:
    """`results of jobs.big`, if most of them are of that task."""
    mostly = owner.task and (owner.task_share or 0.0) >= MIN_TASK_SHARE
    return f"{owner.name} of {printable(owner.task or '')}" if mostly else owner.name


def describe_failed(failed: tuple[int, int]) -> str:
    """`. Failed jobs: 24 → 53 in the last hour`; empty if there aren't more than before."""
    before, now = failed
    return f" Failed jobs grew from {before:,} to {now:,} within the last hour." if now > before else ""
