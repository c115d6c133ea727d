"""The page `/diff`: what became of each task between two sets of runs, and forms that choose these."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Comparison
from slowtask.cli.serve.pages.cells import section
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.serve.pages.period import field, hidden
from slowtask.cli.show.report.changes import changes
from slowtask.cli.show.report.links import Links
from slowtask.rank.diff import describe


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to choose what is compared: a form."""

    title: str
    fields: dict[str, tuple[str, str]]  #: by parameter: a title, and an example
    key: str  #: the parameter that says that it is this way
    given: str = ""  #: the value of a parameter that has none
    without: frozenset[str] = frozenset()  #: parameters of the period that it doesn't take


SIDES: Final = ("by", "at", "before", "after", "against")
WAYS: Final = (
    Way(
        title="Now with earlier", key="against", given="7d",
        fields={"since": ("Period", "1h"), "against": ("Compared with so long ago", "7d")},
    ),
    Way(
        title="Two versions", key="by", given="version",
        fields={
            "by": ("Field or label", "version"), "before": ("Before", "the older one"),
            "after": ("After", "the newest one"),
        },
    ),
    Way(
        title="Before and after a moment", key="at",
        fields={"at": ("Moment, UTC", "2026-11-26T14:00")},
    ),
    Way(
        title="Two periods", key="before", without=frozenset({"since", "until"}),
        fields={"before": ("Before", "2d..1d"), "after": ("After", "1d..0s")},
    ),
)  # fmt: skip


def render(data: Comparison, context: Context) -> str:
    """The HTML of the page."""
    view = data.view
    links = Links(task=context.task) if view.group is None else Links()
    body = f"{section('', changes(view, links))}\n{show_ways(context)}"
    sentence = describe(view.diff.tasks, view.noun)
    period = choose_way(context).key in {"by", "at"}
    return frame(sentence, body, context, over="What changed", period=period)


def choose_way(context: Context) -> Way:
    """The way in which this page compares."""
    ways = {way.key: way for way in WAYS}
    return next((ways[key] for key in ("by", "at", "before") if context.get(key)), ways["against"])


def show_ways(context: Context) -> str:
    """The section with the forms, that of this page first."""
    shown = choose_way(context)
    forms = "\n".join(show_form(way, context, way is shown) for way in WAYS)
    return section("Compare", f'<div class="ways">\n{forms}\n</div>')


def show_form(way: Way, context: Context, shown: bool) -> str:  # noqa: FBT001 - whether it is this page's
    """One form; it has the values of this page if that compares so."""
    fields = "".join(show_fields(way, context, shown))
    kept = hidden(context, (*SIDES, *way.fields, *way.without))
    mark = ' class="shown"' if shown else ""
    return (
        f'<form method="get"{mark}><fieldset><legend>{escape(way.title)}</legend>{kept}{fields}'
        "<button>Compare</button></fieldset></form>"
    )


def show_fields(way: Way, context: Context, shown: bool) -> Iterator[str]:  # noqa: FBT001 - as above
    """The fields of a form."""
    for name, (title, example) in way.fields.items():
        value = context.get(name) if shown or name not in SIDES else ""
        yield field(title, name, value or (way.given if name == way.key else ""), example)
