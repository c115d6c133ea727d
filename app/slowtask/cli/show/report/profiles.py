"""The section of a report with a page for each of the first tasks: why it is slow. It needs no script."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from slowtask.cli.show import task_text as words
from slowtask.cli.show.console import RED_FAILURES, UNKNOWN
from slowtask.cli.show.report.chart import TIME, Chart, Render, render, show_chart
from slowtask.cli.show.report.links import NO_LINKS, Links, breakable, link_name
from slowtask.cli.show.report.panels import name
from slowtask.cli.show.report.scale import decades
from slowtask.cli.show.report.series import Slots, Value, lines, tips
from slowtask.rank.fingerprint import group_messages
from slowtask.rank.histogram import make_histogram
from slowtask.rank.link import LinkPattern
from slowtask.store.profile import Group, LongRun, Profile
from slowtask.units import duration, percent, plural, size

PROFILED: Final = 3  #: tasks
MAX_HOLDERS: Final = 8
MIN_TIME: Final = 1e-6  #: seconds that a logarithmic axis can show
PERCENTILES: Final = ("P99", "P95", "median")
GROUP_HEADS: Final = ("Runs", "Total", "Median", "P95", "Failed", "Wait P95", "CPU")
LEFT_OUT: Final = (
    '<p class="soft">What its jobs waited behind and its longest runs are left out, as the logs are large:'
    " slowtask task NAME shows them.</p>"
)

TEXTS: Final = ("How it went", "Where")  #: the heads of columns that hold text
TEXT: Final = ' class="text"'

Cells = Sequence[str]  #: of a row, as HTML; the first is its head
Part = tuple[str, str]  #: a title, and the HTML below it
OVER_TIME: Final = "Run time over time"


def profiles_section(profiles: Sequence[Profile], pattern: LinkPattern | None, render: Render) -> str:
    """The HTML of the pages; the first is open. Empty without *profiles*."""
    pages = (_page(each, pattern, render, first=place == 0) for place, each in enumerate(profiles))
    return "\n".join(pages)


def _page(profile: Profile, pattern: LinkPattern | None, render: Render, *, first: bool) -> str:
    """The HTML of one task."""
    title = name(profile.task)
    parts = [
        f"<summary><h2>In detail: {breakable(title)}</h2>",
        f'<span class="soft">{breakable(words.headline(profile))}</span></summary>',
        show_facts(profile),
        *(
            f"<h3>{escape(part)}</h3>\n{html}"
            for part, html in sections(profile, pattern, draw_times(profile, render))
        ),
        *([LEFT_OUT] if is_brief(profile) else ()),
        *(f'<p class="soft">{escape(line)}</p>' for line in words.notes(profile)),
    ]
    return f'<details class="card"{" open" if first else ""}>\n' + "\n".join(parts) + "\n</details>"


def is_brief(profile: Profile) -> bool:
    """Whether single runs weren't read, though the logs have them."""
    return bool(profile.summary.timed and not profile.worst and not profile.measurement.history)


def show_facts(profile: Profile) -> str:
    """The facts, each with its title."""
    items = "".join(f"<dt>{title}</dt><dd>{breakable(text)}</dd>" for title, text in words.facts(profile))
    return f"<dl>{items}</dl>"


def sections(
    profile: Profile, pattern: LinkPattern | None, charts: Iterable[Part], links: Links = NO_LINKS
) -> Iterator[Part]:
    """The tables that have something to show, each with its title, and the *charts* among them."""
    if profile.summary.timed > 1:
        yield _table("Run times", ("Run time", "Share", "Runs"), _bars(profile))
    yield from charts
    for key, found in profile.fields.items():
        if not words.is_same(found):
            known = words.knows_failures(profile)
            rows = (_group(each, links.value(key, each.value or ""), known=known) for each in found.groups)
            yield _table(f"By {key}", (key.capitalize(), *GROUP_HEADS), rows)
    yield from _events(profile, links)
    if profile.worst:
        runs = (_run(profile, each, pattern) for each in profile.worst)
        yield _table("Longest runs", ("Ended", "Run time", "How it went", "Where"), runs)


def _events(profile: Profile, links: Links) -> Iterator[Part]:
    """The tables of what its jobs waited behind, and of what ended its runs."""
    if profile.behind:
        yield _table("What its jobs waited behind", ("Task", "Share of the wait"), _holders(profile, links))
    if profile.messages:
        yield _table("Exceptions", ("Exception", "Runs", "Last"), _exceptions(profile))
    if profile.kills:
        yield _table("Kills", ("Killed by", "Runs", "Peak memory", "Last", "Host", "Worker"), _kills(profile))


def _table(title: str, heads: Sequence[str], rows: Iterator[Cells] | Sequence[Cells]) -> Part:
    """A table with its title."""
    top = "".join(f'<th scope="col"{TEXT if head in TEXTS else ""}>{escape(head)}</th>' for head in heads)
    body = "\n".join(f'<tr><th scope="row">{row[0]}</th>{"".join(row[1:])}</tr>' for row in rows)
    return title, (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(title)}">'
        f"<table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _cell(text: str, mark: str = "") -> str:
    """One cell with *text*, which is escaped."""
    name_of_class = f' class="{mark}"' if mark else ""
    return f"<td{name_of_class}>{escape(text)}</td>"


def _share(share: float, widest: float) -> str:
    """A cell with a bar."""
    bar = f'<i style="width:{share / widest * 100:.1f}%"></i>' if share and widest else ""
    return f'<td class="share">{bar}<b>{escape(percent(share))}</b></td>'


def _time(seconds: float | None) -> str:
    """A cell with a time."""
    return _cell(UNKNOWN if seconds is None else duration(seconds))


def _bars(profile: Profile) -> Iterator[Cells]:
    """The histogram of the run times."""
    bars = make_histogram(profile.bins)
    total, most = sum(each.count for each in bars), max(each.count for each in bars)
    for each in bars:
        span = (
            duration(each.low) if each.low == each.high else f"{duration(each.low)} to {duration(each.high)}"
        )
        yield escape(span), _share(each.count / total, most / total), _cell(f"{each.count:,}")


def draw_times(profile: Profile, render: Render = render) -> Iterator[Part]:
    """Draw the percentiles over time, on a logarithmic scale; nothing if there is only one moment."""
    values = [
        Value(at=each.at, name=title, value=value)
        for each in profile.slots
        for title, value in zip(PERCENTILES, (each.p99, each.p95, each.p50), strict=True)
        if value is not None and value >= MIN_TIME
    ]
    if len(profile.slots) < 2 or not values:  # noqa: PLR2004 - a line needs two points
        return
    slots = Slots(profile.slots[0].at, profile.slots[-1].at, profile.width, profile.unit)
    ticks, ends = decades(min(each.value for each in values), max(each.value for each in values))
    data = {**lines(values, slots, joined=False), "limits": [], "tips": tips(values, slots, duration)}
    scale = {"type": "log", "domain": ends, "zero": False}
    chart = Chart(
        kind="lines", data=data, names=PERCENTILES, label=TIME, ticks=ticks, scale=scale, span=slots.span
    )
    yield OVER_TIME, show_chart(chart, OVER_TIME, render)


def _group(group: Group, address: str | None, *, known: bool) -> Cells:
    """The row of the runs with one value of a field; *known*: it is known how runs ended."""
    rate = group.failures / group.count
    busy = words.computing_share(group)
    return (
        UNKNOWN if group.value is None else link_name(group.value, address),
        _cell(f"{group.count:,}"), _time(group.total), _time(group.p50), _time(group.p95),
        _failed(rate) if known else _cell(UNKNOWN),
        _time(group.wait_p95), _cell(UNKNOWN if busy is None else percent(busy)),
    )  # fmt: skip


def _failed(rate: float) -> str:
    """A cell with the share of the runs that failed."""
    return _cell(percent(rate), "bad" if rate >= RED_FAILURES else "" if rate else "zero")


def _holders(profile: Profile, links: Links) -> Iterator[Cells]:
    """What kept the workers busy while its jobs waited."""
    shown, rest = words.cut_holders(profile.behind, MAX_HOLDERS)
    widest = max((each.share for each in shown), default=0)
    for each in shown:
        text = words.describe_holder(each, profile.task)
        other = each.task is not None and each.task != profile.task
        yield link_name(text, links.task(each.task or "") if other else None), _share(each.share, widest)
    if rest:
        yield "all others", _share(rest, max(widest, rest))


def _exceptions(profile: Profile) -> Iterator[Cells]:
    """The exceptions, with what their messages have in common."""
    found = group_messages(profile.messages)
    for each in found[: words.MAX_EXCEPTIONS]:
        last = UNKNOWN if each.last is None else words.describe_moment(each.last)
        text = f"<b>{escape(words.name(each.error or 'unknown'))}</b>"
        text += f": {breakable(name(each.fingerprint))}" if each.fingerprint else ""
        yield text, _cell(f"{each.count:,}"), _cell(last)
    if more := found[words.MAX_EXCEPTIONS :]:
        yield plural(len(more), "other"), _cell(f"{sum(each.count for each in more):,}"), _cell("")


def _kills(profile: Profile) -> Iterator[Cells]:
    """The runs whose process was killed."""
    for each in profile.kills:
        yield (
            breakable(name(each.reason or "unknown")), _cell(f"{each.count:,}"),
            _cell(UNKNOWN if each.memory is None else size(each.memory)),
            _cell(words.describe_moment(each.last)), _cell(name(each.host or UNKNOWN)),
            _cell(name(each.worker or UNKNOWN)),
        )  # fmt: skip


def _run(profile: Profile, run: LongRun, pattern: LinkPattern | None) -> Cells:
    """One of the longest runs."""
    place = breakable(words.describe_place(run))
    if link := words.make_link(profile, run, pattern):
        place += f' <a href="{escape(link)}" rel="noreferrer">trace</a>'
    return (
        escape(words.describe_moment(run.ended)), _time(run.took),
        f"<td{TEXT}>{escape(words.describe_course(run))}</td>", f"<td{TEXT}>{place}</td>",
    )  # fmt: skip
