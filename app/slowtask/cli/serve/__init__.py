"""`slowtask serve`: the ranking, the tasks, what changed and the queues as pages for a browser.

`app.py` answers requests from what `cache.py` keeps; `work.py` reads the logs in a process of its own;
`pages/` has a function `render(figures, context)` for each page.
"""

import importlib.util
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import click

from slowtask.cli.brokers import add_url_options, urls_in_environment, urls_in_settings
from slowtask.cli.options import custom_options, date_option, timezone_option
from slowtask.cli.serve.setup import Setup
from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.parse.custom import CustomFormat
from slowtask.parse.sources import STDIN
from slowtask.store.elastic.access import Access, read_secret
from slowtask.units import printable

if TYPE_CHECKING:
    from slowtask.cli.serve.guard import Rules

DEFAULT_ADDRESS: Final = "127.0.0.1:8321"
TOKEN_VARIABLE: Final = "SLOWTASK_SERVE_TOKEN"  # noqa: S105 - a name
MIN_TOKEN: Final = 16  #: characters
MAX_PORT: Final = 65535


@click.command
@click.argument("sources", metavar="[SOURCE]…", nargs=-1)
@click.option(
    "--listen", "address", default=DEFAULT_ADDRESS, show_default=True, metavar="HOST:PORT",
    help="Where to serve. Beyond this machine a token is needed: SLOWTASK_SERVE_TOKEN, or a new one.",
)  # fmt: skip
@click.option("--open", "show", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--url",
    "public",
    metavar="URL",
    help="Where a reverse proxy serves the pages, with the path.",
)
@add_url_options
@click.option(
    "--config", type=click.Path(dir_okay=False, path_type=Path),
    help="A TOML file of slowtask monitor: its broker, limits and targets count for /queues.",
)  # fmt: skip
@date_option
@timezone_option
@custom_options
def serve(
    sources: tuple[str, ...], address: str, *, show: bool, public: str | None, config: Path | None,
    day: date | None, zone: tzinfo, custom: CustomFormat, **urls: str | None,
) -> None:  # fmt: skip
    """Serve the ranking and the queues as pages for a browser.

    Open the address that it prints. The pages are /, /task/NAME, /diff and /queues. Their parameters are
    named as the options of slowtask top and slowtask diff: /?since=1d&queue=mail. It only reads.

    SOURCE is as for slowtask top, but not stdin. The page of the queues shows the broker of --redis-url,
    --celery-url, their variables or --config; without any, what the log of slowtask monitor says.

    \b
    All logs here, in the browser:
      slowtask serve --open
    Packed and new logs, with the verdict on RQ's queues:
      slowtask serve logs/ --redis-url redis://queue:6379
    All machines:
      slowtask serve https://elastic.example.org:9200
    Behind a reverse proxy:
      slowtask serve logs/ --url https://ops.example.org/slowtask

    It needs: pip install 'slowtask-cli[serve]'.
    """
    require_libraries()
    if STDIN in sources:
        raise UsageError("slowtask serve reads logs again and again: name files or folders instead of stdin.")
    place = Place.parse(address, public)
    brokers = choose_brokers(urls, config)
    setup = Setup(sources=sources, day=day, zone=zone, custom=custom, urls=brokers, config=config)
    check_sources(setup)
    run(setup, place, show=show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the pages are served."""

    host: str
    port: int
    public: SplitResult | None  #: by which a reverse proxy serves them

    @classmethod
    def parse(cls, address: str, public: str | None) -> "Place":
        """Read the options. Raises `UsageError`."""
        host, sign, port = address.rpartition(":")
        if not (sign and host and port.isdecimal() and int(port) <= MAX_PORT):
            raise UsageError(f"--listen {address!a} isn't an address: write it like {DEFAULT_ADDRESS}.")
        return cls(host=host.strip("[]"), port=int(port), public=parse_public(public) if public else None)

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            # No other name: localhost.example.org may be reached from anywhere.
            return self.host == "localhost"

    @property
    def prefix(self) -> str:
        """The prefix of all paths."""
        return self.public.path.rstrip("/") if self.public else ""

    @property
    def public_url(self) -> str:
        """The address that the reverse proxy has; empty without one."""
        return f"{self.public.scheme}://{self.public.netloc}{self.prefix}/" if self.public else ""

    def url(self, port: int) -> str:
        """The address for a browser; *port* is the one that is listened at."""
        anywhere = self.host in ("0.0.0.0", "::")  # noqa: S104 - compared
        host = socket.gethostname() if anywhere else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def parse_public(public: str) -> SplitResult:
    """Read --url. Raises `UsageError`."""
    parts = urlsplit(public)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"--url {public!a} isn't an address: write it like https://ops.example.org/slowtask."
        )
    return parts


def require_libraries() -> None:
    """Raise `UsageError` if what `serve` needs isn't installed."""
    if any(importlib.util.find_spec(each) is None for each in ("starlette", "uvicorn")):
        raise UsageError(f"slowtask serve needs its server: {install_command('serve')}.")


def choose_brokers(urls: Mapping[str, str | None], config: Path | None) -> dict[str, str]:
    """The brokers that are named, as `slowtask status` finds them; none if none is. Raises `UsageError`."""
    given = {name: url for name, url in urls.items() if url}
    if given.keys() & {"redis_url", "celery_url"}:
        return given
    if config:
        from slowtask.watch.settings import load

        return urls_in_settings(load(config, os.environ)) | given
    found = urls_in_environment(os.environ)
    return found | given if found["redis_url"] or found["celery_url"] else {}


def check_sources(setup: Setup) -> None:
    """Raise `SlowtaskError` if there is nothing to read."""
    if not setup.remote:
        setup.find_logs()
    elif len(setup.sources) > 1:
        raise UsageError("An Elasticsearch can't be combined with other sources: name it alone.")
    else:
        Access.from_address(setup.sources[0])


def make_rules(place: Place, port: int) -> "Rules":
    """Who is answered: on loopback those who ask for this machine, else those who have the token."""
    from slowtask.cli.serve.guard import LOCAL_NAMES, Rules

    public = place.public
    hosts = {*LOCAL_NAMES, place.host, *([public.hostname] if public and public.hostname else [])}
    return Rules(
        hosts=hosts if place.is_local else None,
        token=choose_token(place),
        prefix=place.prefix,
        cookie=f"slowtask-{port}",
        secure=bool(public and public.scheme == "https"),
    )


def choose_token(place: Place) -> str | None:
    """The token that is set, or a new one; None where only this machine reaches the pages.

    Raises `UsageError` if the one that is set can be guessed.
    """
    token = read_secret(TOKEN_VARIABLE)
    if token is None:
        return None if place.is_local else secrets.token_urlsafe(24)
    if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable():
        raise UsageError(f"{TOKEN_VARIABLE} must have {MIN_TOKEN} characters of ASCII or more.")
    return token


def run(setup: Setup, place: Place, *, show: bool) -> None:
    """Serve until a signal comes. Raises `UsageError` if the address can't be listened at."""
    from slowtask.cli.serve.app import make_app
    from slowtask.cli.serve.listen import bind, make_server

    listener = bind(place.host, place.port)
    port = listener.getsockname()[1]
    rules = make_rules(place, port)
    server = make_server(make_app(setup, rules))
    announce(setup, place, port, rules)
    if show:
        click.launch(place.url(port) + (f"?token={rules.token}" if rules.token else ""))
    server.run(sockets=[listener])


def announce(setup: Setup, place: Place, port: int, rules: "Rules") -> None:
    """Print where the pages are, with the token if nobody else knows it yet."""
    made = rules.token is not None and read_secret(TOKEN_VARIABLE) is None
    token = f"?token={rules.token}" if made else ""
    urls = [f"{url}{token}" for url in (place.url(port), place.public_url) if url]
    click.echo(f"Serving {printable(setup.words)} at {' and '.join(urls)} (Ctrl-C ends it)")
