"""What all pages share: the head, the links to the other pages, the state of the figures, and the foot."""

from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from string import Template
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.pages.period import show_period
from slowtask.cli.show.report.links import MAX_TITLE, breakable
from slowtask.cli.show.report.overview import keep_together
from slowtask.cli.show.report.page import read_file
from slowtask.units import duration, printable

#: The pages that each page leads to.
PAGES: Final = {"/": "Ranking", "/diff": "What changed", "/queues": "Queues"}
MAX_TITLE_LENGTH: Final = 110  #: characters of a title in large letters
MIN_AGE: Final = 60.0  #: seconds from which on the age of the figures is shown


def frame(
    title: str, body: str, context: Context, *,
    over: str = "", about: str = "", whole: str = "", mark: str = "", period: bool = True,
) -> str:  # fmt: skip
    """The HTML of a page.

    Args:
        title: Its heading; it is escaped here.
        body: The HTML below it.
        context: What it is made with.
        over: A word above the title, which says what kind of page it is.
        about: A sentence below the title; it is escaped here.
        whole: The whole name that the title has in short; it is escaped here.
        mark: The HTML beside *over*.
        period: Whether the page has links that choose a period.
    """
    return Template(read("frame.html")).substitute(
        title=escape(printable(title)),
        heading=keep_together(breakable(printable(title))),
        whole=f' title="{escape(printable(whole[:MAX_TITLE]))}"' if whole and whole != title else "",
        over=escape(over) + mark,
        long=' class="long"' if len(title) > MAX_TITLE_LENGTH else "",
        about=f'<p class="soft">{escape(printable(about))}</p>' if about else "",
        body=body,
        home=escape(context.link("/")),
        pages=" ".join(show_pages(context)),
        period=show_period(context) if period else "",
        state=show_state(context),
        problem=f'<p class="problem" role="alert">{escape(printable(context.problem))}</p>'
        if context.problem
        else "",
        refresh=f'<noscript><meta http-equiv="refresh" content="{context.refresh}"></noscript>'
        if context.refresh
        else "",
        wait=f' data-refresh="{context.refresh}"' if context.refresh else "",
        style=style(),
        script=script(),
        version=escape(context.version),
    )


def show_pages(context: Context) -> Iterator[str]:
    """The links to the other pages; that to this one is marked."""
    for path, title in PAGES.items():
        mark = ' aria-current="page"' if path == context.path else ""
        yield f'<a href="{escape(context.link(path))}"{mark}>{title}</a>'


def show_state(context: Context) -> str:
    """The HTML that says what is read, of what time the figures are, and whether they are renewed."""
    parts = [escape(printable(context.source))]
    if context.read_at:
        parts.append(f"figures of <time>{escape(describe_time(context))}</time>")
    if context.renewing:
        parts.append("<b>being renewed</b>")
    return " · ".join(filter(None, parts))


def describe_time(context: Context) -> str:
    """The time that the figures are of, and how long ago that was if it is long: `14:02:11 UTC`."""
    at, now = context.read_at, context.now
    if at is None:
        return ""
    day = "" if at.date() == now.date() else f"{at.day} {at:%b %Y} "
    age = (now - at).total_seconds()
    ago = f" ({duration(age)} ago)" if age >= MIN_AGE else ""
    return f"{day}{at:%H:%M:%S} UTC{ago}"


def policy() -> str:
    """The Content-Security-Policy of all pages: they load nothing, and run only their own script."""
    return (
        "default-src 'none'; style-src 'unsafe-inline'; style-src-attr 'unsafe-inline';"
        f" style-src-elem {hash_of(style())}; script-src {hash_of(script())}; img-src data:;"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def hash_of(text: str) -> str:
    """How a policy names the style or script *text*."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def style() -> str:
    """The style of the report, and what these pages have beside it."""
    return read_file("page.css") + read("serve.css")


@cache
def script() -> str:
    """The script of the report, and what these pages have beside it."""
    return read_file("page.js") + read("serve.js")


@cache
def read(name: str) -> str:
    """Read the file *name* of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
