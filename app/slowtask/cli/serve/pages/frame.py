"""What all pages share: the head, the links to the other pages, and the foot."""

from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import Final

from slowtask.cli.serve.context import Context

#: The pages that each page leads to.
PAGES: Final = {"/": "Ranking", "/diff": "What changed", "/queues": "Queues"}


def frame(title: str, body: str, context: Context) -> str:
    """The HTML of a page with *title*, which is escaped here, and *body*, which is HTML."""
    refresh = f'<meta http-equiv="refresh" content="{context.refresh}">' if context.refresh else ""
    return Template(read("frame.html")).substitute(
        title=escape(title),
        refresh=refresh,
        style=read("serve.css"),
        script=read("serve.js"),
        links=" ".join(f'<a href="{escape(context.link(path))}">{name}</a>' for path, name in PAGES.items()),
        state=escape(describe_state(context)),
        body=body,
        version=escape(context.version),
    )


def describe_state(context: Context) -> str:
    """What is read, the time the figures are of, and whether newer ones are being read."""
    parts = [context.source]
    if context.read_at:
        parts.append(f"read at {context.read_at:%Y-%m-%d %H:%M:%S}")
    if context.renewing:
        parts.append("newer figures are being read")
    return ", ".join(parts) + f". {context.problem}".rstrip()


@cache
def read(name: str) -> str:
    """Read the file *name* of this folder."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
