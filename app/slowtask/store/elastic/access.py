"""Where an Elasticsearch or Kibana is, and how to log in: an address, and environment variables.

A password in the environment can be read by whoever may look at the process; `…_PASSWORD_FILE` names a file
that holds it instead.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

from slowtask.errors import UsageError
from slowtask.parse.sources import is_address

PREFIX: Final = "SLOWTASK_ELASTICSEARCH_"
ELASTICSEARCH_PORT: Final = 9200
KIBANA_PORT: Final = 5601


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a server is, and who asks."""

    url: str  #: scheme, host, port; no path, no password
    path: str = ""  #: what the address names on that server, without slashes around it
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)  #: base64, as Kibana shows it
    ca_file: str | None = None  #: PEM of the authority that signed the server's certificate

    @classmethod
    def named(
        cls, address: str, environment: Mapping[str, str] = os.environ, *, port: int = ELASTICSEARCH_PORT
    ) -> Self:
        """The access to *address*, with the name and password in it, else those of *environment*.

        Raises `UsageError` for an address that is none, and for a setting that can't be used.
        """
        parts = _parts(address)
        own = parts.username is not None
        return cls(
            url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + ("" if parts.port else f":{port}"),
            path=parts.path.strip("/"),
            username=unquote(parts.username or "") if own else secret(f"{PREFIX}USERNAME", environment),
            password=unquote(parts.password or "") if own else secret(f"{PREFIX}PASSWORD", environment),
            api_key=None if own else secret(f"{PREFIX}API_KEY", environment),
            ca_file=_file(f"{PREFIX}CA_FILE", environment),
        )

    @property
    def host(self) -> str:
        """Host and port, as people call the server."""
        return self.url.partition("://")[2]


def secret(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The variable *name*, or the first line of the file that *name*_FILE names; None without both.

    Raises `UsageError` where that file can't be read.
    """
    if found := environment.get(name):
        return found
    path = environment.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{name}_FILE={path} can't be read ({error}): check path and permissions.") from None


def _parts(address: str) -> SplitResult:
    """*address* taken apart. Raises `UsageError`, without repeating a password."""
    try:
        parts = urlsplit(address)
        if is_address(address) and parts.hostname and (parts.port is None or parts.port):
            return parts
    except ValueError:
        pass
    raise UsageError(
        f"{address.rpartition('@')[2]} is no address of a server: write https://elastic.example.org:9200."
    )


def _file(name: str, environment: Mapping[str, str]) -> str | None:
    """The path that the variable *name* holds. Raises `UsageError` where no file is there."""
    path = environment.get(name) or None
    if path and not Path(path).is_file():
        raise UsageError(f"{name}={path} is no file: name the PEM of the authority.")
    return path
