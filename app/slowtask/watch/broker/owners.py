"""Estimate what the memory of a Redis is used for.

Keys picked at random stand for all keys. Lists of waiting jobs are few and may be huge, so each is measured.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowtask.watch.broker import Owner
from slowtask.watch.broker.redis import as_text

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledKey:
    """One key that was picked at random."""

    key: str
    size: int  #: bytes; 0 if the key is gone by now


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledKeys:
    """Keys picked at random."""

    keys: Sequence[SampledKey]
    scale: float  #: how many keys of the Redis each of them stands for


def sample_keys(client: "Redis", max_keys: int, excluded: set[str]) -> SampledKeys:
    """Pick *max_keys* keys at random, and leave out those of them that are *excluded*."""
    pipe = client.pipeline(transaction=False)
    pipe.dbsize()
    for _ in range(max_keys):
        pipe.randomkey()
    count, *picked = pipe.execute()
    names = [name for name in map(as_text, filter(None, picked)) if name not in excluded]
    sizes = measure_sizes(client, names)
    keys = [SampledKey(key=name, size=size) for name, size in zip(names, sizes, strict=True)]
    return SampledKeys(keys=keys, scale=count / max(1, len(names)))


def measure_sizes(client: "Redis", keys: Sequence[str]) -> list[int]:
    """Return the bytes that each of *keys* takes; 0 if it is gone."""
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.memory_usage(key)
    sizes = pipe.execute(raise_on_error=False) if keys else []
    return [size if isinstance(size, int) else 0 for size in sizes]


def memory_owners(
    measured: Mapping[str, int], sampled: Iterable[tuple[str, SampledKey]], scale: float
) -> list[Owner]:
    """Return what the memory is used for, the largest use first.

    Args:
        measured: The bytes of each use whose keys were all measured.
        sampled: The keys picked at random, each with its use.
        scale: How many keys each of those stands for.
    """
    sizes = Counter(measured)
    for name, key in sampled:
        sizes[name] += round(key.size * scale)
    total = sizes.total()
    return [Owner(name=name, share=size / total) for name, size in sizes.most_common() if size]
