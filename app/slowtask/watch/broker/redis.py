"""Connect to a user's Redis, and turn what can go wrong with it into messages of one line."""

import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from slowtask.errors import BrokerError, UsageError
from slowtask.units import printable
from slowtask.watch.broker import Memory
from slowtask.watch.broker.sentinel import is_sentinel_url, open_master

if TYPE_CHECKING:
    from redis import Redis

CONNECT_TIMEOUT: Final = 5.0  #: seconds
RESPONSE_TIMEOUT: Final = 10.0  #: seconds
MAX_ERROR_LENGTH: Final = 200  #: characters of a server's own error that a message quotes
#: By redis-py's class of the error, or by the word with which Redis begins it.
REFUSAL_MESSAGES: Final = {
    "NOAUTH": "requires a user name and password: add them to its address, redis://user:password@host",
    "NoPermissionError": "doesn't allow this user to read that: give the user the rights in docs/monitor.md",
    "LOADING": "is still loading its data into memory: wait until it has finished",
    "MISCONF": "can't save its data to disk, and refuses commands until it can: its log has the reason",
    "OutOfMemoryError": "is full and refuses commands that need memory: free some, or raise maxmemory",
    "MASTERDOWN": "is a replica that has lost its master: check the master",
    "MovedError": "is a node of a Redis Cluster, which neither RQ nor Celery can use: give the address of a"
    " Redis that isn't in cluster mode",
    "CLUSTERDOWN": "is a node of a cluster that is down: check the cluster",
}


def open_redis(url: str) -> "Redis":
    """Return a client of the Redis at *url*, which connects when it is first used.

    Args:
        url: `redis://`, `rediss://` or `unix://`, as redis-py takes it, or that of Sentinels.

    Raises:
        UsageError: The address isn't valid.
    """
    redis = importlib.import_module("redis")
    retry = importlib.import_module("redis.retry").Retry
    no_pause = importlib.import_module("redis.backoff").NoBackoff
    options = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": RESPONSE_TIMEOUT,
        "retry": retry(no_pause(), 1),
    }
    if is_sentinel_url(url):
        return open_master(url, **options)
    try:
        client: Redis = redis.from_url(url, **options)
    except ValueError as error:
        raise UsageError(
            f"{redacted_url(url)} isn't a valid address of a Redis ({one_line(error)}): write redis://host:6379/0."
        ) from None
    return client


def redacted_url(url: str) -> str:
    """Return *url* without its password, safe to print; several addresses are separated by `;`."""
    redacted = (re.sub(r"(//[^:/]*):.*@", r"\1:***@", address) for address in url.split(";"))
    return printable(re.sub(r"(?<=password=)[^&;]*", "***", ";".join(redacted)))


@contextmanager
def translate_errors(name: str) -> Iterator[None]:
    """Turn the errors of redis-py into a `BrokerError` of one line about the Redis called *name*."""
    errors: Any = importlib.import_module("redis.exceptions")
    try:
        yield
    except errors.AuthenticationError as error:
        raise BrokerError(
            f"{name} rejects the user name or password ({one_line(error)}): correct them in its address."
        ) from None
    except errors.BusyLoadingError:
        raise BrokerError(f"{name} {REFUSAL_MESSAGES['LOADING']}.") from None
    except (errors.ConnectionError, errors.TimeoutError, OSError) as error:
        raise BrokerError(unreachable_message(name, error)) from None
    except errors.ResponseError as error:
        raise BrokerError(refusal_message(name, error)) from None
    except errors.RedisError as error:
        raise BrokerError(f"{name} can't be read ({one_line(error)}): see its log.") from None


def unreachable_message(name: str, error: object) -> str:
    """Say that the broker called *name* can't be reached, and what to check."""
    return f"{name} can't be reached ({one_line(error)}): check the address, and that the server is running."


def refusal_message(name: str, error: Exception) -> str:
    """Say why the Redis called *name* refused a command, and what to do."""
    text = one_line(error)
    if "DB index is out of range" in text:
        return (
            f"{name} has no database of that number: a Redis has 16 unless configured otherwise, 0 to 15."
            " Correct the number at the end of the address."
        )
    known = REFUSAL_MESSAGES.get(type(error).__name__) or REFUSAL_MESSAGES.get(text.partition(" ")[0])
    if known:
        return f"{name} {known}."
    return f"{name} refuses a command ({text}): check the user's rights, listed in docs/monitor.md."


def one_line(error: object) -> str:
    """Return the text of *error* in one line, without a full stop."""
    return printable(" ".join(str(error).split()))[:MAX_ERROR_LENGTH].rstrip(".")


def database_of(client: "Redis") -> int:
    """Return the number of the database that *client* reads."""
    return int(client.connection_pool.connection_kwargs.get("db") or 0)


def parse_memory(info: Mapping[str, Any]) -> Memory:
    """Return the memory that INFO reports, without what Redis doesn't count towards its limit.

    The peak has the buffers of replicas in it, so where there are replicas it says nothing of the limit.
    """
    peak = None if info.get("mem_clients_slaves") else info.get("used_memory_peak")
    return Memory(
        used=max(0, int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))),
        limit=int(info.get("maxmemory", 0)),
        peak=peak,
        buffers=int(info.get("mem_clients_normal", 0)),
        policy=info.get("maxmemory_policy"),
        fragmentation=info.get("mem_fragmentation_ratio"),
        machine=info.get("total_system_memory"),
    )


def parse_listeners(answer: object) -> dict[str, int]:
    """Return the subscribers of each channel, as `PUBSUB NUMSUB` counts them; empty if this user may not ask.

    The answer is a list of channels, each followed by its number, or in a newer protocol a list of pairs.
    """
    if not isinstance(answer, list):
        return {}
    flat = [part for item in answer for part in (item if isinstance(item, (list, tuple)) else (item,))]
    return {as_text(channel): int(count) for channel, count in zip(flat[::2], flat[1::2], strict=False)}


def is_unchanged(row: Sequence[Any]) -> bool:
    """Return whether a list stayed the same while *row* was read of it.

    The row's first two values are the list's length and its newest member, and so are its last two. If both
    are the same, no job arrived or left in between.
    """
    return row[:2] == row[-2:]


def as_text(value: bytes | str) -> str:
    """Return *value* as text, whatever its bytes."""
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
