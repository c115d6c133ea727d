"""What each page of `slowtask serve` is made with, beside its figures: their time, its URL, its links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

#: The parameters that choose runs: every page has them, and a link to another page keeps them.
RUNS: Final = ("since", "until", "queue", "where")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a page is made with, beside its figures."""

    version: str
    now: datetime  #: when the page is made; aware, UTC
    path: str  #: of this page, without the prefix: `/`, `/task/shop.mail.send`
    source: str  #: what is read, in words: `logs/, old.parquet`
    parameters: Mapping[str, Sequence[str]] = field(default_factory=dict)  #: the URL's, as given
    prefix: str = ""  #: of all paths, behind a reverse proxy: `/slowtask`
    read_at: datetime | None = None  #: the time the figures are of; None: the page has none
    took: float | None = None  #: seconds that reading them took
    renewing: bool = False  #: whether newer figures are being read
    problem: str = ""  #: why newer figures couldn't be read, and what to do
    refresh: int | None = None  #: seconds after which the page is worth loading again; None: never

    def get(self, name: str) -> str:
        """The first value of the URL's parameter *name*; empty without one."""
        return next(iter(self.parameters.get(name, ())), "")

    def link(self, path: str, **parameters: str | Sequence[str] | None) -> str:
        """The URL of another page, for the same runs; it isn't escaped for HTML.

        *parameters* are added or replace those of this page; None leaves one out. An underscore in a name is
        a hyphen in the URL.
        """
        kept = {name: values for name, values in self.parameters.items() if name in RUNS}
        changed = {name.replace("_", "-"): value for name, value in parameters.items()}
        return make_url(self.prefix + path, {**kept, **changed})

    def change(self, **parameters: str | Sequence[str] | None) -> str:
        """The URL of this page with other *parameters*, and all others as they are."""
        changed = {name.replace("_", "-"): value for name, value in parameters.items()}
        return make_url(self.prefix + quote(self.path), {**self.parameters, **changed})

    def task(self, name: str) -> str:
        """The URL of the page of the task *name*, for the same runs."""
        return self.link(f"/task/{quote(name, safe='')}")


def make_url(path: str, parameters: Mapping[str, str | Sequence[str] | None]) -> str:
    """*path* with the *parameters* that have a value."""
    given = {name: value for name, value in parameters.items() if value}
    query = urlencode(given, doseq=True)
    return f"{path}?{query}" if query else path
