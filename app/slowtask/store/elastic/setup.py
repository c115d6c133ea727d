"""Set up an Elasticsearch for slowtask: templates, roles, users, retention.

The folder `elasticsearch/` holds one file for each; its path there is the URL to PUT it to. All of this can
be repeated, also after an upgrade: what is set up already stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import UsageError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.changes import SetupStep, Verb
from slowtask.store.elastic.client import translate_errors
from slowtask.store.elastic.search import CELLS
from slowtask.store.elastic.streams import (
    JSON,
    NO_SUCH_API,
    find_streams,
    pass_over_deleted,
    renew,
    switch_failure_store,
)
from slowtask.store.elastic.templates import list_templates, read_template

TEMPLATES: Final = ("_component_template", "_index_template")
ROLES: Final = "_security/role"
USERS: Final = "_security/user"
RETENTION: Final = "slowtask-retention"
HISTORY_RETENTION: Final = "slowtask-history-retention"
FAILURES: Final = "slowtask-failures"
PERIOD: Final = re.compile(r"[1-9]\d{0,8}[dhm]", re.ASCII)
YEARS: Final = re.compile(r"([1-9]\d?)y", re.ASCII)
YEAR: Final = 365  #: days


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupOptions:
    """What the user may choose."""

    retention: str | None = (
        None  #: how long to keep documents: `30d`; None: the last setting, at first 90 days
    )
    history_retention: str | None = None  #: of rolled-up runs: `1825d`; None: the last setting, at first that
    failure_store: bool | None = None  #: keep refused documents; None: the last setting, at first no
    passwords: Mapping[str, str] = field(default_factory=dict)  #: by user

    def __post_init__(self) -> None:
        """Raise `UsageError` if a retention is no period."""
        if self.retention is not None and not PERIOD.fullmatch(self.retention):
            raise UsageError(f"retention {self.retention!a} isn't a period: write it like 30d, 12h or 90m.")
        if self.history_retention is not None and not PERIOD.fullmatch(self.history_retention):
            raise UsageError(
                f"history retention {self.history_retention!a} isn't a period: write it like 5y or 400d."
            )

    @property
    def retentions(self) -> dict[str, str | None]:
        """What the user wishes, by the component template that holds it."""
        return {RETENTION: self.retention, HISTORY_RETENTION: self.history_retention}

    def retention_of(self, stream: str) -> str | None:
        """How long the user wishes to keep the documents of *stream*; None: as before."""
        return self.history_retention if stream.startswith(CELLS) else self.retention


def count_days(period: str) -> str:
    """*period* with its years in days, since Elasticsearch knows no years: `5y` is `1825d`."""
    years = YEARS.fullmatch(period)
    return f"{int(years[1]) * YEAR}d" if years else period


def setup(client: Elasticsearch, access: Access, options: SetupOptions) -> Iterator[SetupStep]:
    """Set everything up; yield each step once it is done. Raises `ElasticsearchError`.

    After a failure the steps before it stay done; the next call finds them unchanged.
    """
    with translate_errors(access):
        streams = find_streams(client, access)
        for path in list_templates(*TEMPLATES):
            if options.failure_store is not None or not path.endswith(f"/{FAILURES}"):
                yield put_file(client, path, make_body(client, path, options))
        if has_security(client):
            yield from set_up_users(client, options)
        else:
            yield SetupStep(
                what="Security is off in this Elasticsearch: no roles and no users were set up", verb="note"
            )
        for stream in streams:
            with pass_over_deleted():
                yield from renew(client, stream, options.retention_of(stream))
                if options.failure_store is not None:
                    yield from switch_failure_store(client, stream, enabled=options.failure_store)


def make_body(client: Elasticsearch, path: str, options: SetupOptions) -> dict[str, Any]:
    """Make what to PUT to *path*: its file, with the settings of *options* or else the present ones."""
    wanted = read_template(path)
    name = path.rpartition("/")[2]
    if name == FAILURES:
        wanted["template"]["data_stream_options"]["failure_store"]["enabled"] = options.failure_store
    if name in options.retentions:
        before = fetch(client, path)
        lifecycle = wanted["template"]["lifecycle"]
        if wish := options.retentions[name]:
            lifecycle["data_retention"] = wish
        elif before:
            [known] = before["component_templates"]
            lifecycle |= known["component_template"]["template"].get("lifecycle", {})
    return wanted


def put_file(client: Elasticsearch, path: str, wanted: Mapping[str, Any]) -> SetupStep:
    """PUT *wanted* to *path*, and compare what the server has there before and after."""
    before = fetch(client, path)
    client.perform_request("PUT", f"/{path}", headers=JSON, body=wanted)
    verb: Verb = "created" if before is None else "changed"
    return SetupStep(
        what=describe(path), verb="unchanged" if before == without_dates(fetch(client, path)) else verb
    )


def fetch(client: Elasticsearch, path: str) -> Any:
    """GET what is at *path*, without dates; None if nothing is."""
    try:
        return without_dates(client.perform_request("GET", f"/{path}", headers=JSON).body)
    except ApiError as error:
        if error.status_code == 404:  # noqa: PLR2004 - not found
            return None
        raise


def without_dates(found: Any) -> Any:
    """*found* without the times of its creation and change."""
    if isinstance(found, dict):
        return {
            key: without_dates(value)
            for key, value in found.items()
            if not key.endswith(("_date", "_millis"))
        }
    return [without_dates(each) for each in found] if isinstance(found, list) else found


def describe(path: str) -> str:
    """Name the thing at *path*: `component template slowtask-run`."""
    kind, _, name = path.rpartition("/")
    return f"{kind.rpartition('/')[2].lstrip('_').replace('_', ' ')} {name}"


def has_security(client: Elasticsearch) -> bool:
    """Whether the server has users and roles."""
    try:
        client.security.authenticate()
    except ApiError as error:
        if error.status_code in (*NO_SUCH_API, 500) and "security" in str(error.body).lower():
            return False
        raise
    return True


def set_up_users(client: Elasticsearch, options: SetupOptions) -> Iterator[SetupStep]:
    """Set up the roles, and a user for each password. Elasticsearch's own user only gets the password."""
    for path in list_templates(ROLES):
        yield put_file(client, path, read_template(path))
    ours = {path.rpartition("/")[2]: path for path in list_templates(USERS)}
    for name, password in options.passwords.items():
        yield set_up_user(client, name, password, ours.get(name))


def set_up_user(client: Elasticsearch, name: str, password: str, path: str | None) -> SetupStep:
    """Set the *password* of the user *name*. One whose file is at *path* is created if need be."""
    if path is None:
        client.security.change_password(username=name, password=password)
    elif (made := put_file(client, path, read_template(path) | {"password": password})).verb == "created":
        return made
    return SetupStep(what=f"password of user {name}", verb="changed")
