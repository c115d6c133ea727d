"""Estimate what the memory of a Redis is used for.

Keys picked at random stand for all keys. Lists of waiting jobs are few and may be huge, so each is measured.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from slowtask.watch.broker import Owner
from slowtask.watch.broker.redis import as_text

if TYPE_CHECKING:
    from redis import Redis

LONG_EXPIRY: Final = 30 * 86_400  #: seconds: a key that expires only later counts as one that never does


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledKey:
    """One key that was picked at random."""

    key: str
    size: int  #: bytes; 0 if the key is gone by now
    lasting: bool = False  #: never expires, or only after `LONG_EXPIRY`


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledKeys:
    """Keys picked at random."""

    keys: Sequence[SampledKey]
    scale: float  #: how many keys of the Redis each of them stands for


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKey:
    """A sampled key, with what it is used for."""

    owner: str
    key: SampledKey
    task: str | None = None  #: whose job or result it is; None if that isn't known


def sample_keys(client: "Redis", max_keys: int, excluded: set[str]) -> SampledKeys:
    """Pick *max_keys* keys at random, and leave out those of them that are *excluded*."""
    pipe = client.pipeline(transaction=False)
    pipe.dbsize()
    for _ in range(max_keys):
        pipe.randomkey()
    count, *picked = pipe.execute()
    names = [name for name in map(as_text, filter(None, picked)) if name not in excluded]
    return SampledKeys(keys=_measure_keys(client, names), scale=count / max(1, len(names)))


def _measure_keys(client: "Redis", names: Sequence[str]) -> list[SampledKey]:
    """Read how large each key of *names* is, and whether it expires."""
    pipe = client.pipeline(transaction=False)
    for name in names:
        pipe.memory_usage(name)
        pipe.ttl(name)
    answers = pipe.execute(raise_on_error=False) if names else []
    return [
        SampledKey(key=name, size=parse_number(size), lasting=not 0 <= parse_number(ttl) <= LONG_EXPIRY)
        for name, size, ttl in zip(names, answers[::2], answers[1::2], strict=True)
    ]


def measure_sizes(client: "Redis", keys: Sequence[str]) -> list[int]:
    """Return the bytes that each of *keys* takes; 0 if it is gone."""
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.memory_usage(key)
    return [parse_number(size) for size in pipe.execute(raise_on_error=False)] if keys else []


def parse_number(answer: object) -> int:
    """Return the number that Redis answered; 0 if the key is gone, or this user may not read it."""
    return answer if isinstance(answer, int) else 0


def memory_owners(measured: Mapping[str, int], owned: Iterable[OwnedKey], scale: float) -> list[Owner]:
    """Return what the memory is used for, the largest use first.

    Args:
        measured: The bytes of each use whose keys were all measured.
        owned: The keys picked at random, each with its use.
        scale: How many keys each of those stands for.
    """
    sizes, lasting = Counter(measured), Counter[str]()
    tasks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for each in owned:
        size = round(each.key.size * scale)
        sizes[each.owner] += size
        lasting[each.owner] += size if each.key.lasting else 0
        if each.task:
            tasks[each.owner][each.task] += size
    total = sizes.total()
    return [
        _make_owner(name, size, total, lasting[name], tasks[name])
        for name, size in sizes.most_common()
        if size
    ]


def _make_owner(name: str, size: int, total: int, lasting: int, tasks: Counter[str]) -> Owner:
    """Make the owner of *size* of *total* bytes, *lasting* of them; *tasks* are bytes by known task."""
    task, most = tasks.most_common(1)[0] if tasks.total() else (None, 0)
    return Owner(
        name=name,
        share=size / total,
        forever=lasting / size,
        task=task,
        task_share=most / tasks.total() if most else None,
    )
