"""Choose which runs a page shows: links for usual periods, a form for others, and what is chosen already."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.show.report.links import shorten_middle

#: Periods, as `--since` takes them.
PERIODS: Final = {"Last hour": "1h", "Last day": "1d", "Last week": "7d", "All": None}
CHOOSING: Final = ("since", "until", "queue")  #: parameters that the form sets
TIMES: Final = "2h, 7d or 2026-11-20T14:00"


def show_period(context: Context) -> str:
    """The HTML of the whole row."""
    periods, chosen = " ".join(show_periods(context)), "".join(show_chosen(context))
    state = " open" if is_own(context) else ""
    return (
        f'<div class="period">\n<nav aria-label="Period">{periods}</nav>\n{chosen}'
        f"<details{state}><summary>Other period or queue</summary>{form(context)}</details></div>"
    )


def show_periods(context: Context) -> Iterator[str]:
    """The links of the usual periods; that of this page is marked."""
    for title, since in PERIODS.items():
        same = context.get("since") == (since or "") and not context.get("until")
        mark = ' aria-current="true"' if same else ""
        yield f'<a href="{escape(context.change(since=since, until=None))}"{mark}>{title}</a>'


def is_own(context: Context) -> bool:
    """Whether the period is none of the usual ones, so that only the form shows it."""
    return bool(context.get("until")) or context.get("since") not in {each or "" for each in PERIODS.values()}


def show_chosen(context: Context) -> Iterator[str]:
    """The queues and fields that choose runs, each with a link that takes it away."""
    for key, word in (("queue", "queue "), ("where", "")):
        values = [each for each in context.parameters.get(key, ()) if each]
        for place, value in enumerate(values):
            rest = [*values[:place], *values[place + 1 :]]
            yield chip(f"{word}{value}", context.change(**{key: rest}))


def chip(text: str, address: str) -> str:
    """One chosen value."""
    short = escape(shorten_middle(text))
    return f'<a class="chip" href="{escape(address)}" aria-label="Only {short}: remove">only {short} ✕</a>'


def form(context: Context) -> str:
    """The form that chooses another period or queue."""
    queues = [each for each in context.parameters.get("queue", ()) if each]
    fields = [
        field("Since", "since", context.get("since"), TIMES),
        field("Until", "until", context.get("until"), "now"),
        *(field("Queue", "queue", each) for each in [*queues, ""]),
    ]
    return f'<form method="get">{hidden(context, CHOOSING)}{"".join(fields)}<button>Show</button></form>'


def field(title: str, name: str, value: str, example: str = "") -> str:
    """A field of a form, with its title."""
    hint = f' placeholder="{escape(example)}"' if example else ""
    return (
        f"<label><span>{escape(title)}</span>"
        f'<input name="{name}" value="{escape(value)}"{hint} autocomplete="off" spellcheck="false"></label>'
    )


def hidden(context: Context, without: Sequence[str]) -> str:
    """The parameters of this page, for a form that sets those of *without*."""
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, values in context.parameters.items()
        for value in values
        if name not in without and value
    )
