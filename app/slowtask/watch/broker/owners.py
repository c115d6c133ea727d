"""Who owns the memory of a Redis, estimated from keys at random; what is few and huge is measured apart."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slowtask.watch.broker import Owner
from slowtask.watch.broker.redis import as_text

if TYPE_CHECKING:
    from redis import Redis


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key that was met by chance."""

    key: str
    size: int  #: bytes; 0 where it is gone by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """Keys at random, each of which stands for *scale*."""

    keys: Sequence[Key]
    scale: float


def met_keys(client: "Redis", most: int, apart: set[str]) -> Met:
    """*most* keys of *client* at random, without those of *apart*."""
    pipe = client.pipeline(transaction=False)
    pipe.dbsize()
    for _ in range(most):
        pipe.randomkey()
    count, *found = pipe.execute()
    keys = [key for key in map(as_text, filter(None, found)) if key not in apart]
    met = [Key(key=key, size=size) for key, size in zip(keys, sizes(client, keys), strict=True)]
    return Met(keys=met, scale=count / max(1, len(keys)))


def sizes(client: "Redis", keys: Sequence[str]) -> list[int]:
    """The bytes of each of *keys*; 0 where it is gone."""
    pipe = client.pipeline(transaction=False)
    for key in keys:
        pipe.memory_usage(key)
    found = pipe.execute(raise_on_error=False) if keys else []
    return [size if isinstance(size, int) else 0 for size in found]


def shares(apart: str, lists: Iterable[int], met: Iterable[tuple[str, Key]], scale: float) -> list[Owner]:
    """The owners, the greatest first: *apart* has the bytes *lists*, the others what was *met* of theirs."""
    found: Counter[str] = Counter({apart: sum(lists)})
    for owner, key in met:
        found[owner] += round(key.size * scale)
    whole = found.total()
    return [Owner(name=name, share=size / whole) for name, size in found.most_common() if size]
