"""The monitor's settings: a TOML file, overruled by environment variables.

A monitor with a wrong threshold would watch over nothing, so a mistake here is an error, unlike one in a
worker's settings. All mistakes are named at once.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from slowtask.errors import UsageError

PREFIX: Final = "SLOWTASK_"
DEFAULT_REDIS_URL: Final = "redis://localhost:6379"
#: For each address our variable, and the one that its queue system reads.
URL_VARIABLES: Final = {
    "redis_url": ("SLOWTASK_REDIS_URL", "RQ_REDIS_URL"),
    "celery_url": ("SLOWTASK_CELERY_URL", "CELERY_BROKER_URL"),
    "management_url": ("SLOWTASK_MANAGEMENT_URL", ""),
}
PORT: Final = r"(6553[0-5]|655[0-2]\d|65[0-4]\d{2}|6[0-4]\d{3}|[1-5]\d{4}|[1-9]\d{0,3})"

#: A description completes the sentence "NAME must be …".
Text = Annotated[str, Meta(description="text")]
Url = Annotated[str, Meta(description="an address, such as redis://host:6379 or amqp://host/vhost")]
Link = Annotated[
    str,
    Meta(pattern=r"^(https?://[^\s/?#]+[^\s?#]*)?$", description="an address like https://host, or empty"),
]
Address = Annotated[str, Meta(pattern=f"^(.+:{PORT})?$", description="host:port, or empty")]
Texts = Annotated[tuple[str, ...], Meta(description="a list of texts")]
Interval = Annotated[float, Meta(ge=0.1, le=3600, description="a number of seconds from 0.1 to 3600")]
Seconds = Annotated[float, Meta(ge=0, description="a number of seconds, 0 or more")]
Share = Annotated[float, Meta(ge=0.01, le=1, description="a share from 0.01 to 1")]
Whole = Annotated[int, Meta(ge=0, description="a whole number, 0 or more")]
Positive = Annotated[float, Meta(gt=0)]
ByName = Annotated[Mapping[str, Positive], Meta(description="a table of names and positive numbers")]


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What most runs must keep to."""

    wait: Mapping[str, Positive] = {}  #: seconds that a job may wait, by queue
    run: Mapping[str, Positive] = {}  #: seconds that a run may take, by task
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.99  #: of the runs that must keep to it


TargetTable = Annotated[
    Targets, Meta(description="a table of wait and run, which are tables of names and seconds, and share")
]


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts begin."""

    capacity: Share = 0.8  #: of the broker's limit: critical from here on, a warning from nine tenths of it
    soon: Seconds = 900.0  #: a forecast of fewer seconds is a warning, of a sixth of them critical
    depth: ByName = {}  #: jobs that may wait, by queue
    age: ByName = {}  #: seconds that the oldest job may have waited, by queue
    runtime: ByName = {}  #: seconds that a run may take, by task
    targets: TargetTable = Targets()  #: what most runs must keep to


class MonitorSettings(Thresholds, frozen=True, kw_only=True):
    """What a user may set: each field is a key of the TOML file.

    Each but the tables is also a variable, `SLOWTASK_MONITOR_` and its name in capitals. The addresses have
    variables of their own: `URL_VARIABLES`.
    """

    redis_url: Url = DEFAULT_REDIS_URL  #: RQ's Redis; "" where only Celery is watched
    celery_url: Url = ""  #: Celery's broker
    management_url: Url = ""  #: its RabbitMQ's management plugin; "": port 15672 of the broker's host
    celery_queues: Texts = ()  #: queues that may not be found otherwise
    interval: Interval = 5.0  #: seconds between two polls
    log: Text = "slowtask-monitor.ndjson"  #: for samples and alerts; `-` is stdout, `off` nowhere
    log_max_bytes: Whole = 50_000_000  #: rotate at this size
    log_backups: Whole = 5  #: rotated files to keep
    runs: Texts = ()  #: logs, or one Elasticsearch, as `slowtask top` takes them; (): the worker's own log
    calm: Seconds = 60.0  #: how long a value must stay below its threshold before the alert is resolved
    repeat: Seconds = 3600.0  #: how long an alert that lasts is silent before it is sent again
    channels: Texts = ()  #: Apprise's URLs
    dashboard: Text = ""  #: a link that each alert carries
    serve: Link = ""  #: the address of `slowtask serve`, to whose pages alerts link; "": they don't
    metrics: Address = ""  #: where /metrics and /healthz are served: `127.0.0.1:9187`; "": nowhere
    metrics_tasks: Whole = 50  #: pairs of a queue and a task that have labels of their own in /metrics


SECRET: Final = (Url, Texts)  #: what may hold a password isn't repeated in an error
FIELDS: Final = {each.name: each for each in msgspec.structs.fields(MonitorSettings)}


def load(path: Path | None, environment: Mapping[str, str]) -> MonitorSettings:
    """Read the settings from a TOML file and from variables, which win.

    Args:
        path: The file, or None.
        environment: Variables by name, such as `os.environ`.

    Raises:
        UsageError: The file can't be read, or a setting is wrong; every wrong one is named.
    """
    values: dict[str, Any] = {
        name: environment[theirs] for name, (_, theirs) in URL_VARIABLES.items() if environment.get(theirs)
    }
    mistakes: list[str] = []
    for source in (read(path) if path else {}, from_environment(environment)):
        for name, value in source.items():
            if mistake := _convert(values, name, value):
                mistakes.append(mistake)
    if mistakes:
        raise UsageError(f"the monitor's settings are wrong: {'; '.join(mistakes)}. See docs/monitor.md.")
    if not values.get("redis_url"):
        values["redis_url"] = "" if values.get("celery_url") else DEFAULT_REDIS_URL
    return MonitorSettings(**values)


def read(path: Path) -> dict[str, Any]:
    """The TOML at *path*. Raises `UsageError`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path} can't be read ({error.strerror}): check the path and its permissions."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} isn't a text in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} isn't valid TOML ({error}).") from None


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that variables give, by name; lists are separated by spaces."""
    values: dict[str, Any] = {}
    for name, (ours, _) in URL_VARIABLES.items():
        if url := environment.get(ours):
            values[name] = url
    for name, field in FIELDS.items():
        if text := environment.get(f"{PREFIX}MONITOR_{name.upper()}"):
            values[name] = text.split() if field.type is Texts else text
    return values


def _convert(values: dict[str, Any], name: str, value: Any) -> str | None:
    """Put *value* into *values* as the type of the setting *name*; returns what is wrong with it."""
    if name not in FIELDS:
        return f"there is no setting {name}"
    kind = FIELDS[name].type
    try:
        values[name] = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        wrong = "" if kind in SECRET else f", not {ascii(value)[:80]}"
        return f"{name} must be {kind.__metadata__[0].description}{wrong}"
    return None
