"""Puts in place what Elasticsearch needs to know of slowtask: templates, roles, users, retention.

The files are those of the folder `elasticsearch/`; a file's path there is the URL it is PUT to. All of it is
safe to do again, also on an upgrade: what is there already stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, Elasticsearch

from slowtask.errors import UsageError
from slowtask.store.elastic.access import Access
from slowtask.store.elastic.changes import Change, Verb
from slowtask.store.elastic.client import said
from slowtask.store.elastic.streams import NOT_THERE, renewed, writable
from slowtask.store.elastic.templates import content, files

TEMPLATES: Final = ("_component_template", "_index_template")
ROLES: Final = "_security/role"
USERS: Final = "_security/user"
RETENTION: Final = "slowtask-retention"
PERIOD: Final = re.compile(r"[1-9]\d{0,8}[dhm]", re.ASCII)
JSON: Final = {"accept": "application/json", "content-type": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a user may choose."""

    retention: str | None = None  #: how long documents are kept: `30d`; None: what is set already, else 90d
    passwords: Mapping[str, str] = field(default_factory=dict)  #: by the name of the user to make

    def __post_init__(self) -> None:
        """Raises `UsageError`."""
        if self.retention is not None and not PERIOD.fullmatch(self.retention):
            raise UsageError(f"retention {self.retention!a} is no period: write 30d, 12h or 90m.")


def setup(client: Elasticsearch, access: Access, wishes: Wishes) -> Iterator[Change]:
    """Put all in place; yields what was done, as it is done. Raises `ElasticsearchError`.

    A failure leaves what was done before it, which the next call finds unchanged.
    """
    with said(access):
        streams = writable(client, access)
        for path in files(*TEMPLATES):
            yield put(client, path, body(client, path, wishes))
        if secured(client):
            yield from users(client, wishes)
        else:
            yield Change(what="Security is off there: no roles, no users", verb="note")
        for stream, indices in streams.items():
            yield from renewed(client, stream, indices, wishes.retention)


def body(client: Elasticsearch, path: str, wishes: Wishes) -> dict[str, Any]:
    """What to PUT to *path*: the file, with the retention that is wished for, or set already."""
    wanted = content(path)
    if path.endswith(f"/{RETENTION}"):
        before = fetched(client, path)
        lifecycle = wanted["template"]["lifecycle"]
        if wishes.retention:
            lifecycle["data_retention"] = wishes.retention
        elif before:
            [known] = before["component_templates"]
            lifecycle |= known["component_template"]["template"].get("lifecycle", {})
    return wanted


def put(client: Elasticsearch, path: str, wanted: Mapping[str, Any]) -> Change:
    """PUT *wanted* to *path*; what that changed, as the server tells it before and after."""
    before = fetched(client, path)
    client.perform_request("PUT", f"/{path}", headers=JSON, body=wanted)
    verb: Verb = "created" if before is None else "changed"
    return Change(what=called(path), verb="unchanged" if before == undated(fetched(client, path)) else verb)


def fetched(client: Elasticsearch, path: str) -> Any:
    """What stands at *path*, without dates; None where nothing does."""
    try:
        return undated(client.perform_request("GET", f"/{path}", headers=JSON).body)
    except ApiError as error:
        if error.status_code == 404:  # noqa: PLR2004 - not found
            return None
        raise


def undated(found: Any) -> Any:
    """*found* without the times at which it was made and changed."""
    if isinstance(found, dict):
        return {key: undated(value) for key, value in found.items() if not key.endswith(("_date", "_millis"))}
    return [undated(each) for each in found] if isinstance(found, list) else found


def called(path: str) -> str:
    """What people call the thing at *path*: `component template slowtask-run`."""
    kind, _, name = path.rpartition("/")
    return f"{kind.rpartition('/')[2].lstrip('_').replace('_', ' ')} {name}"


def secured(client: Elasticsearch) -> bool:
    """Whether the server knows users and roles."""
    try:
        client.security.authenticate()
    except ApiError as error:
        if error.status_code in (*NOT_THERE, 500) and "security" in str(error.body).lower():
            return False
        raise
    return True


def users(client: Elasticsearch, wishes: Wishes) -> Iterator[Change]:
    """The roles, and a user for each password that is given; Elasticsearch's own gets the password only."""
    for path in files(ROLES):
        yield put(client, path, content(path))
    ours = {path.rpartition("/")[2]: path for path in files(USERS)}
    for name, password in wishes.passwords.items():
        yield user(client, name, password, ours.get(name))


def user(client: Elasticsearch, name: str, password: str, path: str | None) -> Change:
    """Set the *password* of the user *name*, who is made where its file is at *path*."""
    if path is None:
        client.security.change_password(username=name, password=password)
    elif (made := put(client, path, content(path) | {"password": password})).verb == "created":
        return made
    return Change(what=f"password of user {name}", verb="changed")
