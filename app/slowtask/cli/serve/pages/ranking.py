"""The page `/`: the tasks by the worker time they used."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Drawing, Ranking
from slowtask.cli.serve.pages.cells import section
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.serve.pages.period import hidden
from slowtask.cli.serve.pages.sorting import make_links, order_of, sort_tasks
from slowtask.cli.show.groups import noun_of, plural_of
from slowtask.cli.show.report.alerts import alerts_section
from slowtask.cli.show.report.links import shorten_middle
from slowtask.cli.show.report.overview import describe_runs, name_unknown, notes, show_tile, tiles, with_name
from slowtask.cli.show.report.ranking import table
from slowtask.install import install_command
from slowtask.rank.ranking import Task, verdict
from slowtask.store.fields import short_name
from slowtask.units import capitalize

#: The fields by whose values runs are often ranked, as `--group-by` takes them.
GROUPS: Final = {"Tasks": None, "Queues": "queue", "Versions": "version", "Hosts": "host"}
DRAWN_SOON: Final = "They are being drawn: this page shows them in a moment."
EMPTY: Final = "No {noun} has “{text}” in its name."


def render(data: Ranking, context: Context) -> str:
    """The HTML of the page."""
    noun = noun_of(data.group)
    first = [replace(task, task=shorten_middle(task.task)) for task in data.tasks[:1]]
    history, tasks = name_unknown(data.history, noun), [with_name(task, noun) for task in data.tasks]
    figures = "\n".join(map(show_tile, tiles(history, tasks, noun)))
    body = [
        f'<section class="tiles" aria-label="In figures">\n{figures}\n</section>',
        show_ranking(data, noun, context),
        *show_drawings(data.drawings, context),
        alerts_section(data.alerts),
    ]
    about = describe_runs(history, tasks, noun)
    return frame(verdict(first, data.by, noun), "\n".join(body), context, over="Ranking", about=about)


def show_ranking(data: Ranking, noun: str, context: Context) -> str:
    """The section with the table, and what chooses its rows."""
    rough = {each.task for each in data.history.measurement.figures if each.margin}
    order = order_of(context, data.by, noun)
    kept = filter_tasks(data.tasks, context.get("filter"))
    tasks = [with_name(task, noun) for task in sort_tasks(kept, context, order)]
    links = make_links(context, order, link_to(data.group, context), noun)
    rows = table(tasks, rough, noun, links, order) if tasks else show_empty(noun, context)
    texts = "".join(f'<p class="soft">{escape(each)}</p>' for each in notes(data.history, tasks))
    return (
        f'<section class="card">\n<div class="head"><h2>Ranking</h2>\n'
        f'<nav aria-label="Rank">{" ".join(show_groups(data.group, context))}</nav>\n'
        f"{show_filter(noun, context)}</div>\n"
        f'<div class="scroll ranking" tabindex="0" role="region" aria-label="Ranking">{rows}</div>\n{texts}\n'
        "</section>"
    )


def filter_tasks(tasks: Sequence[Task], text: str) -> list[Task]:
    """The *tasks* that have *text* in their names, in capitals or not."""
    return [task for task in tasks if text.casefold() in task.task.casefold()]


def link_to(group: str | None, context: Context) -> Callable[[str], str | None]:
    """What makes the address of a row: of the page of a task, or of the tasks with one value of *group*."""
    if group is None:
        return context.task
    field, given = short_name(group), context.parameters.get("where", ())

    def address(value: str) -> str | None:
        chosen = [each for each in given if each] + [f"{field}={value}"]
        return context.link("/", where=chosen)

    return address


def show_groups(group: str | None, context: Context) -> list[str]:
    """The links that rank by another field; that of this page is marked."""
    shown = group and short_name(group)
    groups = GROUPS if shown in GROUPS.values() else {**GROUPS, capitalize(plural_of(noun_of(group))): shown}
    marks = {shown: ' aria-current="true"'}
    return [
        f'<a href="{escape(context.change(group_by=field, filter=None))}"{marks.get(field, "")}>'
        f"{escape(title)}</a>"
        for title, field in groups.items()
    ]


def show_filter(noun: str, context: Context) -> str:
    """The form that keeps the rows with some text in their names; the script does that at each key."""
    label, text = escape(f"Filter {plural_of(noun)} by name"), escape(context.get("filter"))
    return (
        f'<form method="get" role="search" class="filter">{hidden(context, ("filter",))}'
        f'<input type="search" name="filter" value="{text}" autocomplete="off" spellcheck="false"'
        f' placeholder="Filter by name" aria-label="{label}">'
        '<output aria-live="polite" class="soft"></output></form>'
    )


def show_empty(noun: str, context: Context) -> str:
    """What stands where no row has the text of the filter."""
    text = EMPTY.format(noun=noun, text=shorten_middle(context.get("filter")))
    return f'<p>{escape(text)} <a href="{escape(context.change(filter=None))}">Show all</a></p>'


def show_drawings(drawings: Sequence[Drawing], context: Context) -> Iterator[str]:
    """The sections of the charts, and at the end why others are left out."""
    if not drawings:
        text = DRAWN_SOON if context.renewing else f"They need vl-convert: {install_command('report')}."
        yield show_drawing(Drawing(title="Charts", text=text, html=""))
    yield from (show_drawing(each) for each in drawings if each.html)
    if missing := [each for each in drawings if not each.html]:
        items = "".join(f"<dt>{escape(each.title)}</dt><dd>{escape(each.text)}</dd>" for each in missing)
        yield section("Charts without data", f"<dl>{items}</dl>")


def show_drawing(drawing: Drawing) -> str:
    """The section of one chart."""
    head = f'<h2>{escape(drawing.title)}</h2>\n<p class="soft">{escape(drawing.text)}</p>'
    return f'<section class="card">\n{head}\n{drawing.html}</section>'
