"""What names and titles of a table link to: pages of `slowtask serve`. A report is one file without links."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Final

from slowtask.cli.show.report.panels import name
from slowtask.units import printable

MAX_TITLE: Final = 2000  #: characters of a name that the pointer shows
MAX_LINKED: Final = 500  #: characters of a name that an address may have
BREAK: Final = re.compile(r"([._])(?=[^\W\d])")
MAX_SHORT: Final = 90  #: characters of a name in a table


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Makes addresses; None: there is no such page."""

    task: Callable[[str], str | None] = lambda task: None  # noqa: ARG005 - there is none
    value: Callable[[str, str], str | None] = lambda field, value: None  # noqa: ARG005 - there is none
    sort: Callable[[str], str | None] = lambda title: None  # noqa: ARG005 - there is none


NO_LINKS: Final = Links()


def breakable(text: str) -> str:
    """Escape a name for HTML, and let a long one break at its dots and underscores, but no number."""
    return BREAK.sub(r"\1<wbr>", escape(text))


def shorten_middle(text: str) -> str:
    """*text*, made printable; of a long one the beginning and the end, which tell names apart."""
    shown, half = printable(text[:MAX_TITLE]), MAX_SHORT // 2
    if len(text) <= MAX_TITLE and len(shown) <= MAX_SHORT:
        return shown
    return f"{shown[:half]}…{printable(text[-half:])[-half:]}"


def link_name(text: str, address: str | None) -> str:
    """The HTML of a name: a link to *address*, with the whole name as its title if it is shortened."""
    if address is None:
        return breakable(name(text))
    short, whole = shorten_middle(text), printable(text[:MAX_TITLE])
    title = "" if short == whole else f' title="{escape(whole)}"'
    if len(text) > MAX_LINKED:
        return f"<span{title}>{breakable(short)}</span>"
    return f'<a href="{escape(address)}"{title}>{breakable(short)}</a>'
