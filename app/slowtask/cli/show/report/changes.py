"""The section of a report that says what changed between two sets of runs."""

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from slowtask.cli.show.diff import (
    View,
    choose_rows,
    describe_sides,
    describe_whole,
    doubts,
    explain_words,
)
from slowtask.cli.show.diff_columns import COLUMNS
from slowtask.cli.show.groups import count_nouns, display_value
from slowtask.cli.show.report.links import NO_LINKS, Links, link_name
from slowtask.rank.diff import Difference, describe

MAX_ROWS: Final = 20  #: and below them the tasks that became worse
SHORT: Final = frozenset({"CPU", "P95"})
WORSE: Final = frozenset({"slower"})
CHANGED: Final = frozenset({"slower", "faster", "mix", "tail"})
MIN_REACH: Final = math.log(1.5)  #: of the scale of ratios, each way
MAX_REACH: Final = math.log(8)


def changes_section(view: View) -> str:
    """The HTML of the section."""
    sentence = escape(describe(view.diff.tasks, view.noun))
    return f'<section class="card">\n<h2>What changed</h2>\n<p>{sentence}</p>\n{changes(view)}\n</section>'


def changes(view: View, links: Links = NO_LINKS) -> str:
    """The HTML of what was compared, of the table, and of the notes."""
    rows = choose_rows(view.diff.tasks, MAX_ROWS)
    more = len(view.diff.tasks) - len(rows)
    lines = [str(each) for each in (*describe_sides(view), *describe_whole(view))]
    uncertain = [line for side in view.sides for line in doubts(side)]
    after = [f"{count_nouns(more, view.noun, 'more')}: slowtask diff -n 0 shows all."] * (more > 0)
    return "\n".join(
        (
            *(f'<p class="soft">{escape(line)}</p>' for line in lines),
            '<div class="scroll" tabindex="0" role="region" aria-label="What changed">',
            f"{table(rows, view.noun, links)}</div>",
            *(
                f'<p class="soft">{escape(line)}</p>'
                for line in dict.fromkeys((*after, *explain_words(rows), *uncertain))
            ),
        )
    )


def table(rows: Sequence[Difference], noun: str, links: Links = NO_LINKS) -> str:
    """The table of *rows*, with the terminal's columns."""
    texts = {column.title: [str(column.cell(row)) for row in rows] for column in COLUMNS}
    columns = [column for column in COLUMNS if column.always or any(texts[column.title])]
    heads = "".join(
        f'<th scope="col">{escape(head_of(title))}</th>' for title in (noun, *(c.title for c in columns))
    )
    reach = scale_of(rows)
    body = "\n".join(
        f'<tr><th scope="row">{show_name(row, noun, links)}</th>'
        + "".join(cell(column.title, texts[column.title][place], row, reach) for column in columns)
        + "</tr>"
        for place, row in enumerate(rows)
    )
    return f"<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def show_name(row: Difference, noun: str, links: Links) -> str:
    """The name of a row, with its link."""
    return link_name(display_value(row.task, noun), links.task(row.task) if row.task else None)


def head_of(title: str) -> str:
    """A column's title in small letters: `Run time`, `Wait P95`, `CPU`."""
    return title if title in SHORT else title.capitalize().replace("p95", "P95")


def scale_of(rows: Sequence[Difference]) -> float:
    """How far the scale of ratios reaches each way, as a logarithm: to the ends of all that changed."""
    ratios = [row.ratio for row in rows]
    ratios += [edge for row in rows if row.change in CHANGED for edge in (row.ratio_low, row.ratio_high)]
    return min(MAX_REACH, max(MIN_REACH, *(abs(math.log(ratio)) for ratio in ratios if ratio), 0.0))


def cell(title: str, text: str, row: Difference, reach: float) -> str:
    """One cell: what is worse stands out, and a ratio has its interval drawn."""
    if title == "CHANGE":
        bad = row.change in WORSE or row.fails_more or row.killed_more
        mark = ' class="bad"' if bad else ""
        return f"<td{mark}>{escape(text)}</td>"
    if title == "RUN TIME" and row.ratio_low and row.ratio_high:
        return f'<td class="ratio">{interval(row.ratio_low, row.ratio_high, reach)}<b>{escape(text)}</b></td>'
    return f"<td>{escape(text)}</td>"


def interval(low: float, high: float, reach: float) -> str:
    """A bar from *low* to *high* on a scale on which 1 is in the middle, with a line there."""
    left, right = (min(1.0, max(0.0, math.log(edge) / reach / 2 + 0.5)) for edge in (low, high))
    bar = f"left:{left:.1%};width:{max(right - left, 0.01):.1%}"
    return f'<span aria-hidden="true"><i style="{bar}"></i><u></u></span>'
