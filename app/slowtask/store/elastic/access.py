"""Find out where an Elasticsearch or Kibana is, and how to log in, from an address and the environment.

Environment variables are visible to anyone who can inspect the process, so each secret can be given as the
path of a file instead, with the suffix `_FILE`.
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
    """The address of a server and the login to use there."""

    url: str  #: scheme, host, port; no path, no password
    path: str = ""  #: the path of the address, without slashes around it
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)  #: base64, as Kibana shows it
    ca_file: str | None = None  #: PEM of the authority that signed the server's certificate

    @classmethod
    def from_address(
        cls, address: str, environment: Mapping[str, str] = os.environ, *, port: int = ELASTICSEARCH_PORT
    ) -> Self:
        """Read *address*; the login in it counts, else that of *environment*.

        Raises `UsageError` for an invalid address and for a setting that can't be used.
        """
        parts = _split_address(address)
        own = parts.username is not None
        return cls(
            url=f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + ("" if parts.port else f":{port}"),
            path=parts.path.strip("/"),
            username=unquote(parts.username or "") if own else read_secret(f"{PREFIX}USERNAME", environment),
            password=unquote(parts.password or "") if own else read_secret(f"{PREFIX}PASSWORD", environment),
            api_key=None if own else read_secret(f"{PREFIX}API_KEY", environment),
            ca_file=_read_path(f"{PREFIX}CA_FILE", environment),
        )

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.partition("://")[2]


def read_secret(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Read the variable *name*, or the first line of the file in *name*_FILE; None if neither is set.

    Raises `UsageError` if that file can't be read.
    """
    if found := environment.get(name):
        return found
    path = environment.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").partition("\n")[0]
    except OSError as error:
        raise UsageError(
            f"{name}_FILE={path} can't be read ({error.strerror}): check the path and its permissions."
        ) from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}_FILE={path} isn't a text in UTF-8.") from None


def _split_address(address: str) -> SplitResult:
    """Split *address*. Raises `UsageError`, which never repeats a password."""
    try:
        parts = urlsplit(address)
        if is_address(address) and parts.hostname and (parts.port is None or parts.port):
            return parts
    except ValueError:
        pass
    raise UsageError(
        f"{address.rpartition('@')[2]} isn't the address of a server: write it like https://elastic.example.org:9200."
    )


def _read_path(name: str, environment: Mapping[str, str]) -> str | None:
    """Read a file's path from the variable *name*. Raises `UsageError` if there is no such file."""
    path = environment.get(name) or None
    if path and not Path(path).is_file():
        raise UsageError(f"{name}={path} isn't a file: give the path of the authority's PEM file.")
    return path
