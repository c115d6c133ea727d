"""Find the master of a Redis that Sentinels watch, and follow it when another one becomes the master."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from slowtask.errors import UsageError
from slowtask.units import printable

if TYPE_CHECKING:
    from redis import Redis

DEFAULT_PORT: Final = 26379
#: Of addresses: `redis+sentinel://host:26379,host2:26379/mymaster/0`, and kombu's
#: `sentinel://host:26379;sentinel://host2:26379/0?master_name=mymaster`.
SCHEMES: Final = ("redis+sentinel", "rediss+sentinel", "sentinel")

FORMS: Final = (
    "write redis+sentinel://host:26379,host2:26379/NAME/0, or for Celery"
    " sentinel://host:26379;sentinel://host2:26379/0?master_name=NAME."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelAddress:
    """The Sentinels of a Redis, and what to ask them for."""

    sentinels: tuple[tuple[str, int], ...]  #: host and port of each
    master: str  #: the name under which they watch it
    database: int
    username: str | None
    password: str | None  #: of the Redis
    sentinel_password: str | None
    tls: bool


def is_sentinel_url(url: str) -> bool:
    """Return whether *url* is that of Sentinels."""
    return url.partition("://")[0] in SCHEMES


def open_master(url: str, **options: Any) -> "Redis":
    """Return a client of the master that the Sentinels at *url* name, with *options* of redis-py.

    It asks them whenever it connects, so it follows a failover. Raises `UsageError` if *url* is invalid.
    """
    sentinel: Any = importlib.import_module("redis.sentinel")
    address = parse_sentinel_url(url)
    tls = {"ssl": True} if address.tls else {}
    of_sentinels = options | tls | {"password": address.sentinel_password}
    sentinels = sentinel.Sentinel(address.sentinels, sentinel_kwargs=of_sentinels)
    client: Redis = sentinels.master_for(
        address.master,
        db=address.database,
        username=address.username,
        password=address.password,
        **options,
        **tls,
    )
    return client


def parse_sentinel_url(url: str) -> SentinelAddress:
    """Return what is in *url*. Raises `UsageError` if it names no master, or isn't valid."""
    try:
        parts = [urlsplit(part) for part in url.split(";")]
        hosts = [host for part in parts for host in part.netloc.rpartition("@")[2].split(",")]
        sentinels = tuple(map(_host_and_port, hosts))
    except ValueError as error:
        raise UsageError(
            f"the address of the Sentinels isn't valid ({printable(str(error))}): {FORMS}"
        ) from None
    query = {name: values[-1] for name, values in parse_qs(parts[-1].query).items()}
    name, database = _split_path(parts[-1].path)
    master = query.get("master_name") or name
    if not master or not all(hosts):
        raise UsageError(f"the address of Sentinels needs their hosts and the name of the master: {FORMS}")
    return SentinelAddress(
        sentinels=sentinels,
        master=master,
        database=database,
        tls=parts[0].scheme == "rediss+sentinel",
        sentinel_password=query.get("sentinel_password"),
        **_credentials(parts[0]),
    )


def _split_path(path: str) -> tuple[str, int]:
    """Return the name of the master and the number of the database in *path*: `/mymaster/0`."""
    name, _, database = path.strip("/").rpartition("/")
    if database.isdigit():
        return unquote(name), int(database)
    return unquote(database), 0


def _credentials(part: SplitResult) -> Mapping[str, str | None]:
    """Return the user and the password of the Redis, without their percent signs."""
    user, password = part.username, part.password
    return {"username": unquote(user) if user else None, "password": unquote(password) if password else None}


def _host_and_port(text: str) -> tuple[str, int]:
    """Return the host and the port in *text*: `host`, `host:26379` or `[::1]:26379`."""
    part = urlsplit(f"//{text}")
    return part.hostname or "", part.port or DEFAULT_PORT
