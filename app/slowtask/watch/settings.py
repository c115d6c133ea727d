"""WATCH: the monitor's settings: a TOML file, overruled by the environment; every mistake named at once.

A monitor with a wrong limit would watch over nothing: unlike a worker's, its mistakes are errors.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from slowtask.errors import UsageError

PREFIX: Final = "SLOWTASK_"
DEFAULT_REDIS: Final = "redis://localhost:6379"
#: Our variable of each address, and the one that its queue system knows.
URLS: Final = {
    "redis_url": ("SLOWTASK_REDIS_URL", "RQ_REDIS_URL"),
    "celery_url": ("SLOWTASK_CELERY_URL", "CELERY_BROKER_URL"),
    "management_url": ("SLOWTASK_MANAGEMENT_URL", ""),
}
LISTS: Final = ("runs", "channels", "celery_queues")


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSettings:
    """Each is a key of the TOML file, and, but for the tables, a variable: `SLOWTASK_MONITOR_` + its name."""

    redis_url: str = (
        DEFAULT_REDIS  #: RQ's; also SLOWTASK_REDIS_URL, else RQ_REDIS_URL; "": not where Celery is
    )
    celery_url: str = ""  #: Celery's broker; also SLOWTASK_CELERY_URL, else CELERY_BROKER_URL
    management_url: str = (
        ""  #: of its RabbitMQ; also SLOWTASK_MANAGEMENT_URL; "": port 15672 of the broker's host
    )
    celery_queues: tuple[str, ...] = ()  #: queues that may not be found otherwise
    interval: float = 5.0  #: seconds between two polls
    log: str = "slowtask-monitor.ndjson"  #: where samples and alerts go; `-` stdout, `off` nowhere
    log_max_bytes: int = 50_000_000  #: rotate at this size
    log_backups: int = 5
    runs: tuple[
        str, ...
    ] = ()  #: what `slowtask top` takes: logs, or one Elasticsearch; () the worker's own log
    capacity: float = 0.8  #: of the broker's memory, from which it is critical
    soon: float = 900.0  #: seconds: a forecast of less is a warning
    calm: float = 60.0  #: seconds that it must be well before it is told to be over
    repeat: float = 3600.0  #: seconds before what lasts is told again
    channels: tuple[str, ...] = ()  #: Apprise's URLs
    dashboard: str = ""  #: the link that each alert carries
    metrics: str = ""  #: `127.0.0.1:9187` to serve /metrics and /healthz; "" not
    depth: Mapping[str, int] = field(default_factory=dict)  #: jobs that may wait, by queue
    age: Mapping[str, float] = field(
        default_factory=dict
    )  #: seconds that the first may have waited, by queue
    runtime: Mapping[str, float] = field(default_factory=dict)  #: seconds that a run may take, by task


def load(path: Path | None, environment: Mapping[str, str]) -> MonitorSettings:
    """The settings of the file at *path* and of *environment*. Raises `UsageError` naming every mistake."""
    found: dict[str, Any] = {
        name: environment.get(theirs, "") for name, (_, theirs) in URLS.items() if theirs
    }
    mistakes: list[str] = []
    for name, value in (read(path) if path else {}).items():
        _take(found, name, value, mistakes)
    for name, text in from_environment(environment).items():
        _take(found, name, text, mistakes)
    if mistakes:
        raise UsageError("the monitor's settings are wrong: " + "; ".join(mistakes) + ".")
    settings = MonitorSettings(**found)
    return (
        settings if settings.celery_url else replace(settings, redis_url=settings.redis_url or DEFAULT_REDIS)
    )


def read(path: Path) -> dict[str, Any]:
    """The TOML at *path*. Raises `UsageError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read ({error}): check its path.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is no TOML ({error}).") from None


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """What variables set, by name; lists are separated by spaces."""
    found: dict[str, Any] = {}
    for name, (ours, _) in URLS.items():
        if url := environment.get(ours):
            found[name] = url
    for each in fields(MonitorSettings):
        if text := environment.get(f"{PREFIX}MONITOR_{each.name.upper()}"):
            found[each.name] = text.split() if each.name in LISTS else text
    return found


def _take(found: dict[str, Any], name: str, value: Any, mistakes: list[str]) -> None:
    """Put *value* into *found* as its type; add to *mistakes* where it isn't one."""
    if name not in CHECKS:
        mistakes.append(f"there is no {name}")
        return
    check, wanted = CHECKS[name]
    try:
        found[name] = check(value)
    except (ValueError, TypeError, AttributeError):
        mistakes.append(f"{name} = {value!a} isn't {wanted}")


def number(least: float, most: float = float("inf")) -> Callable[[Any], float]:
    """A check for a number within bounds."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not least <= float(value) <= most:
            raise ValueError(value)
        return float(value)

    return check


def text(value: Any) -> str:
    """A check for text."""
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A check for a list of texts."""
    if not isinstance(value, list):
        raise TypeError(value)
    return tuple(map(text, value))


def numbers(value: Any) -> Mapping[str, float]:
    """A check for a table of positive numbers."""
    return {text(name): number(1e-9)(each) for name, each in value.items()}


def whole(value: Any) -> int:
    """A check for a whole number that isn't negative."""
    if isinstance(value, bool) or int(value) != float(value) or int(value) < 0:
        raise ValueError(value)
    return int(value)


def address(value: Any) -> str:
    """A check for host and port; "" for none."""
    host, _, port = text(value).rpartition(":")
    if value and not (host and 0 < int(port) < 65536):  # noqa: PLR2004 - ports
        raise ValueError(value)
    return text(value)


#: For each setting its check, and what it should have been.
CHECKS: Final[Mapping[str, tuple[Callable[[Any], Any], str]]] = {
    "redis_url": (text, "an address, redis://host:6379"),
    "celery_url": (text, "an address, amqp://host/vhost or redis://host"),
    "management_url": (text, "an address, http://host:15672"),
    "celery_queues": (texts, "a list of queues"),
    "interval": (number(0.1, 3600), "a number of seconds from 0.1 to 3600"),
    "log": (text, "a path"),
    "log_max_bytes": (whole, "a whole number of bytes"),
    "log_backups": (whole, "a whole number"),
    "runs": (texts, "a list of logs"),
    "capacity": (number(0.01, 1.0), "a share from 0.01 to 1"),
    "soon": (number(0.0), "a number of seconds"),
    "repeat": (number(0.0), "a number of seconds"),
    "calm": (number(0.0), "a number of seconds"),
    "channels": (texts, "a list of addresses"),
    "dashboard": (text, "an address"),
    "metrics": (address, "host:port"),
    "depth": (numbers, "a table of queues and numbers of jobs"),
    "age": (numbers, "a table of queues and seconds"),
    "runtime": (numbers, "a table of tasks and seconds"),
}
