"""Render the page of one task for a terminal: a sentence, facts, histograms and tables that fit its width."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from slowtask.cli.show import task_text as words
from slowtask.cli.show.console import UNKNOWN, draw_bar, failure_text, make_table, shorten, time_text
from slowtask.rank.fingerprint import Exceptions, group_messages
from slowtask.rank.histogram import Bar, make_histogram
from slowtask.rank.link import LinkPattern
from slowtask.store.profile import Group as Values
from slowtask.store.profile import Holder, Kill, Profile
from slowtask.units import capitalize, duration, percent, plural, printable, size

BAR_WIDTH: Final = 24  #: characters
MIN_NAME_WIDTH: Final = 14  #: characters; for it, other columns are left out
MAX_NAME_WIDTH: Final = 44  #: characters
MAX_HOLDERS: Final = 6

#: A column: its title, its priority (a narrow terminal leaves out the lowest first), and its cells.
Column = tuple[str, int, Sequence[Text]]


def page(profile: Profile, pattern: LinkPattern | None, took: float, width: int) -> Group:
    """The whole output in *width* columns."""
    parts: list[RenderableType] = [header(profile, took), Text()]
    if sentence := words.headline(profile):
        parts += [Text(sentence, style="bold"), Text()]
    parts.append(facts_table(profile))
    for section in sections(profile, pattern, width):
        parts += [Text(), section]
    lines = [Text(line, style="dim") for line in words.notes(profile)]
    return Group(*parts, *([Text(), *lines] if lines else []))


def header(profile: Profile, took: float) -> Text:
    """What was read: `9 runs of shop.jobs.send_mail, 23 Nov 2026 23:45 UTC, 2 files, 0.1 s`."""
    summary = profile.summary
    first, last = words.describe_moment(summary.first), words.describe_moment(summary.last)
    same_day = first[:-8] == last[:-8]
    parts = (
        f"{plural(summary.count, 'run')} of {words.name(profile.task)}",
        f"{first} \N{EN DASH} {last[-8:] if same_day else last} UTC",
        profile.measurement.source,
        f"{took:.1f} s",
    )
    return Text(", ".join(parts), style="dim")


def facts_table(profile: Profile) -> Table:
    """The facts, each with its title."""
    table = Table(box=None, padding=(0, 1), pad_edge=True, show_header=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for title, text in words.facts(profile):
        table.add_row(title.upper(), Text(text))
    return table


def sections(profile: Profile, pattern: LinkPattern | None, width: int) -> Iterator[RenderableType]:
    """The tables that have rows."""
    if profile.summary.timed > 1 and (bars := make_histogram(profile.bins)):
        yield histogram(bars, width)
    if len(profile.slots) > 1:
        yield times_table(profile, width)
    for key, groups in profile.fields.items():
        if not words.is_same(groups):
            yield groups_table(key, groups.groups, width, known=words.knows_failures(profile))
    if profile.behind:
        yield holders_table(profile.behind, profile.task, width)
    if found := group_messages(profile.messages):
        yield exceptions_table(found)
    if profile.kills:
        yield kills_table(profile.kills, width)
    if profile.worst:
        yield runs_list(profile, pattern)


def histogram(bars: Sequence[Bar], width: int) -> Table:
    """The run times on a logarithmic scale."""
    total, most = sum(each.count for each in bars), max(each.count for each in bars)
    table = make_table("RUN TIME")
    table.columns[0].justify = "right"
    room = max(8, min(BAR_WIDTH, width - 44))
    table.add_column("")
    table.add_column("RUNS", justify="right", no_wrap=True)
    table.add_column("SHARE", justify="right", no_wrap=True)
    for each in bars:
        span = (
            duration(each.low)
            if each.low == each.high
            else f"{duration(each.low)} \N{EN DASH} {duration(each.high)}"
        )
        share = Text(percent(each.count / total) if each.count else "", style="dim")
        table.add_row(span, share_bar(each.count / most, room), f"{each.count:,}", share)
    return table


def share_bar(share: float, room: int) -> Text:
    """*share* as a bar of up to *room* characters; what isn't 0 is seen."""
    return Text(draw_bar(max(round(share * room * 8), 1 if share else 0)).ljust(room), style="cyan")


def times_table(profile: Profile, width: int) -> Table:
    """The run times over time."""
    rows, known = profile.slots, words.knows_failures(profile)
    cells = [Text(words.describe_slot(profile, each.at)) for each in rows]
    return fit_table(
        ("FROM (UTC)", cells),
        [
            ("RUNS", 9, [Text(f"{each.count:,}") for each in rows]),
            ("MEDIAN", 6, [time_text(each.p50) for each in rows]),
            ("P95", 8, [time_text(each.p95) for each in rows]),
            ("P99", 2, [time_text(each.p99) for each in rows]),
            ("MAX", 5, [time_text(each.max) for each in rows]),
            ("FAILED", 7, [ending_text(each.failures, each.count, known=known) for each in rows]),
            ("WAIT P95", 4, [time_text(each.wait_p95) for each in rows]),
        ],
        width,
    )


def groups_table(title: str, rows: Sequence[Values], width: int, *, known: bool) -> Table:
    """The runs by the values of one field; *known*: it is known how they ended."""
    cells = [Text(UNKNOWN if each.value is None else printable(each.value)) for each in rows]
    return fit_table(
        (title.upper(), cells),
        [
            ("RUNS", 9, [Text(f"{each.count:,}") for each in rows]),
            ("TOTAL", 6, [time_text(each.total) for each in rows]),
            ("MEDIAN", 5, [time_text(each.p50) for each in rows]),
            ("P95", 8, [time_text(each.p95) for each in rows]),
            ("FAILED", 7, [ending_text(each.failures, each.count, known=known) for each in rows]),
            ("WAIT P95", 4, [time_text(each.wait_p95) for each in rows]),
            ("CPU", 3, [_cpu_text(each) for each in rows]),
        ],
        width,
    )


def _cpu_text(values: Values) -> Text:
    """The part of the run time in which it computed."""
    busy = words.computing_share(values)
    return Text(UNKNOWN if busy is None else percent(busy))


def ending_text(failures: int, count: int, *, known: bool) -> Text:
    """The share of the runs that failed; *known*: it is known how runs ended."""
    return failure_text(failures, count) if known else Text(UNKNOWN)


def fit_table(first: tuple[str, Sequence[Text]], columns: Sequence[Column], width: int) -> Table:
    """A table of the column *first* and as many *columns* as fit *width* beside it."""
    title, names = first
    widths = {name: 2 + max(len(name), *(cell.cell_len for cell in cells)) for name, _, cells in columns}
    wanted = min(MAX_NAME_WIDTH, max(len(title), MIN_NAME_WIDTH, *(each.cell_len for each in names)))
    kept = [column for column in columns if _is_known(column[2])]
    while kept and 2 + min(wanted, 20) + sum(widths[name] for name, _, _ in kept) > width:
        kept.remove(min(kept, key=lambda column: column[1]))
    room = max(8, min(wanted, width - 2 - sum(widths[name] for name, _, _ in kept)))
    table = make_table(title, *(name for name, _, _ in kept))
    for place, each in enumerate(names):
        table.add_row(Text(shorten(each.plain, room)), *(cells[place] for _, _, cells in kept))
    return table


def _is_known(cells: Sequence[Text]) -> bool:
    """Whether any of *cells* tells something."""
    return any(cell.plain != UNKNOWN for cell in cells)


def holders_table(holders: Sequence[Holder], task: str, width: int) -> Table:
    """What kept the workers busy while jobs of *task* waited."""
    shown, rest = words.cut_holders(holders, MAX_HOLDERS)
    table = make_table("WAITED BEHIND")
    table.add_column("")
    table.add_column("SHARE", justify="right", no_wrap=True)
    room = max(8, min(BAR_WIDTH, width - 44))
    for each in shown:
        named = words.describe_holder(each, task)
        bar = share_bar(each.share, room)
        table.add_row(Text(shorten(named, max(8, width - room - 15))), bar, percent(each.share))
    if rest:
        table.add_row(Text("all others", style="dim"), share_bar(rest, room), percent(rest))
    return table


def exceptions_table(found: Sequence[Exceptions]) -> Table:
    """The exceptions, with what their messages have in common."""
    table = Table(box=None, padding=(0, 1), pad_edge=True, header_style="dim")
    table.add_column("RUNS", justify="right", no_wrap=True)
    table.add_column("EXCEPTION", overflow="fold")
    for each in found[: words.MAX_EXCEPTIONS]:
        text = Text(words.name(each.error or "unknown"), style="bold")
        if each.fingerprint:
            text.append(f": {printable(each.fingerprint)}", style="not bold")
        table.add_row(f"{each.count:,}", text)
    if more := found[words.MAX_EXCEPTIONS :]:
        table.add_row(f"{sum(each.count for each in more):,}", Text(f"{len(more)} others", style="dim"))
    return table


def kills_table(kills: Sequence[Kill], width: int) -> Table:
    """The runs whose process was killed."""
    return fit_table(
        ("KILLED BY", [Text(printable(each.reason or "unknown")) for each in kills]),
        [
            ("RUNS", 9, [Text(f"{each.count:,}") for each in kills]),
            (
                "PEAK MEMORY",
                8,
                [Text(UNKNOWN if each.memory is None else size(each.memory)) for each in kills],
            ),
            ("LAST (UTC)", 7, [Text(words.describe_moment(each.last)) for each in kills]),
            ("HOST", 6, [Text(shorten(printable(each.host or UNKNOWN), 20)) for each in kills]),
            ("WORKER", 5, [Text(shorten(printable(each.worker or UNKNOWN), 24)) for each in kills]),
        ],
        width,
    )


def runs_list(profile: Profile, pattern: LinkPattern | None) -> Group:
    """The longest runs, each with the place of its line."""
    parts: list[RenderableType] = [Text(" LONGEST RUNS, BY THEIR ENDS (UTC)", style="dim")]
    for each in profile.worst:
        line = Text(words.describe_moment(each.ended) + "  ", style="bold")
        line.append(words.describe_run(each), style="not bold")
        parts.append(Padding(line, (0, 1), expand=False))
        if place := words.describe_place(each):
            parts.append(
                Padding(Text(capitalize(place), style="dim", overflow="fold"), (0, 1, 0, 3), expand=False)
            )
        if link := words.make_link(profile, each, pattern):
            parts.append(Padding(Text(link, style="dim", overflow="fold"), (0, 1, 0, 3), expand=False))
    return Group(*parts)
