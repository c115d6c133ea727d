"""The small parts of which pages are made: sections, tables, cells, levels."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from slowtask.cli.show.console import UNKNOWN
from slowtask.cli.show.report.links import link_name, shorten_middle
from slowtask.cli.show.status import RED, YELLOW
from slowtask.units import percent, printable

FULL: Final = 1.0


def section(title: str, html: str) -> str:
    """A section with a title, or without one."""
    head = f"<h2>{escape(title)}</h2>\n" if title else ""
    return f'<section class="card">\n{head}{html}\n</section>'


def badge(level: str) -> str:
    """A level as a word with its colour."""
    return f'<span class="level {escape(level)}">{escape(level)}</span>'


def show_name(text: str | None, address: str | None = None) -> str:
    """A name from a log or a broker, with a link to *address*."""
    if not text:
        return UNKNOWN
    return link_name(text, address) if address else escape(shorten_middle(text))


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of *rows*, whose cells are HTML; the first of each is its head."""
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    body = "\n".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">'
        f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def bar(ratio: float, text: str) -> str:
    """A bar that *ratio* fills, with *text* beside it."""
    level = "critical" if ratio >= RED else "warning" if ratio >= YELLOW else "ok"
    label = escape(printable(text))
    return (
        f'<span class="gauge {level}" role="img" aria-label="{percent(min(ratio, FULL))} used">'
        f'<i style="width:{min(ratio, FULL):.1%}"></i></span><span>{label}</span>'
    )
