"""A Redis of the user's: how it is opened, and what can go wrong with it, in sentences."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from slowtask.errors import BrokerError, UsageError
from slowtask.units import printable
from slowtask.watch.broker import Memory

if TYPE_CHECKING:
    from redis import Redis

CONNECT: Final = 5.0  #: seconds
ANSWER: Final = 10.0  #: seconds
#: By redis-py's class of the error, or by how Redis begins it.
REFUSALS: Final = {
    "NOAUTH": "wants a name and password: put them into its address",
    "NoPermissionError": "doesn't allow that to this user: see the rights in docs/monitor.md",
    "LOADING": "is loading its data: it answers when it has",
    "MISCONF": "can't save its data, and refuses to go on: see its log",
    "OutOfMemoryError": "is full: it refuses what needs memory",
    "MASTERDOWN": "has lost its master",
    "CLUSTERDOWN": "is a cluster that is down",
}


def open_redis(url: str) -> "Redis":
    """A client of the Redis at *url*: `redis://`, `rediss://` or `unix://`. Raises `UsageError`."""
    redis = importlib.import_module("redis")
    retry = importlib.import_module("redis.retry").Retry
    none = importlib.import_module("redis.backoff").NoBackoff
    try:
        client: Redis = redis.from_url(
            url, socket_connect_timeout=CONNECT, socket_timeout=ANSWER, retry=retry(none(), 1)
        )
    except ValueError as error:
        raise UsageError(f"{redacted_url(url)} is no address of a Redis ({error}).") from None
    return client


def redacted_url(url: str) -> str:
    """The address *url* without its password, safe to print; several are separated by `;`."""
    hidden = (re.sub(r"(//[^:/]*):.*@", r"\1:***@", each) for each in url.split(";"))
    return printable(re.sub(r"(?<=password=)[^&;]*", "***", ";".join(hidden)))


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn what redis-py raises into a `BrokerError` about the Redis called *name*: one line."""
    errors: Any = importlib.import_module("redis.exceptions")
    try:
        yield
    except errors.AuthenticationError as error:
        raise BrokerError(f"{name} refuses the name or password ({one_line(error)}): check both.") from None
    except errors.BusyLoadingError:
        raise BrokerError(f"{name} {REFUSALS['LOADING']}.") from None
    except (errors.ConnectionError, errors.TimeoutError, OSError) as error:
        raise BrokerError(f"{name} can't be reached ({one_line(error)}): is it running there?") from None
    except errors.ResponseError as error:
        raise BrokerError(refused(name, error)) from None
    except errors.RedisError as error:
        raise BrokerError(f"{name} can't be read ({one_line(error)}).") from None


def refused(name: str, error: Exception) -> str:
    """Why the Redis called *name* wouldn't, and what to do."""
    text = one_line(error)
    if "DB index is out of range" in text:
        return (
            f"{name} has no database of that number, it is out of range: a Redis has 16 by default, 0 to 15."
            " Correct the number at the end of the address."
        )
    told = REFUSALS.get(type(error).__name__) or REFUSALS.get(text.partition(" ")[0])
    return f"{name} {told}." if told else f"{name} refuses to be asked ({text}): see to its rights."


def one_line(error: object) -> str:
    """What *error* says, in one line."""
    return printable(" ".join(str(error).split()))[:200].rstrip(".")


def parse_memory(info: Mapping[str, Any]) -> Memory:
    """The memory of what INFO says; what isn't counted at the limit is left out."""
    return Memory(
        used=max(0, int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))),
        limit=int(info.get("maxmemory", 0)),
        policy=info.get("maxmemory_policy"),
        fragmentation=info.get("mem_fragmentation_ratio"),
        machine=info.get("total_system_memory"),
    )


def is_unchanged(row: Sequence[Any]) -> bool:
    """Whether a list didn't change while *row* was read of it: its first two values are its last two.

    They are its length and its newest member. The same newest and as many before it: nothing came, and
    nothing went.
    """
    return row[:2] == row[-2:]


def as_text(value: bytes | str) -> str:
    """*value* as text, whatever its bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
