"""The two sides of a comparison, as the options of `slowtask diff` and `slowtask report` choose them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, Final

import click

from slowtask.cli.options import Field
from slowtask.cli.when import parse_time
from slowtask.errors import UsageError
from slowtask.store import Query
from slowtask.store.fields import short_name
from slowtask.units import printable

RECENT: Final = timedelta(hours=1)  #: the side after, if nothing else is said
LAST_WEEK: Final = "7d"
READING_TIME: Final = timedelta(seconds=1)  #: between the moments at which --since and --against were read
BETWEEN: Final = ".."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is compared with what."""

    before: Query
    after: Query
    names: tuple[str, str]  #: what the sides are called: `version 1.4`, `2026-11-26 14:00:00`
    spans: tuple[float, float] | None = None  #: seconds that they last; None: as long as there are runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The options that choose the sides."""

    by: tuple[str, str, str] | None = None
    at: str | None = None
    before: str | None = None
    after: str | None = None
    against: str | None = None

    @property
    def given(self) -> bool:
        """Whether any of them is given."""
        return any((self.by, self.at, self.before, self.after, self.against))


class SidesCommand(click.Command):
    """A command whose option --by may stand without the two values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse *args*, with two empty values where --by has none."""
        return super().parse_args(ctx, fill_values(args))


def fill_values(arguments: list[str]) -> list[str]:
    """Put two empty values behind a `--by FIELD` that ends *arguments*, or that another option follows."""
    place = arguments.index("--by") + 2 if "--by" in arguments else len(arguments) + 1
    alone = place == len(arguments) or (place < len(arguments) and arguments[place].startswith("--"))
    return [*arguments[:place], "", "", *arguments[place:]] if alone else arguments


def side_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that choose two sides to *command*, which gets them as one `wanted`."""

    @click.option(
        "--by", type=(Field(), str, str), metavar="FIELD [BEFORE AFTER]",
        help="Compare two values of a field, as --by version 1.4 1.5, or of a label. --by version alone"
        " takes the two newest.",
    )  # fmt: skip
    @click.option("--at", metavar="TIME", help="Compare what ended before TIME with what ended after it.")
    @click.option(
        "--before", metavar="FROM..TO", help="Compare this period, as 2d..1d or 2026-11-20..2026-11-21,"
    )
    @click.option("--after", metavar="FROM..TO", help="… with this one.")
    @click.option(
        "--against", metavar="AGO",
        help="Compare --since to --until (default: the last hour) with the same time AGO, as 7d, before.",
    )  # fmt: skip
    @wraps(command)
    def run(*arguments: Any, by: Any, at: Any, before: Any, after: Any, against: Any, **options: Any) -> None:
        wanted = Wanted(by=by, at=at, before=before, after=after, against=against)
        command(*arguments, wanted=wanted, **options)

    return run


def choose_sides(wanted: Wanted, query: Query) -> Sides:
    """Choose the two sides among the runs of *query*, as *wanted*. Raises `UsageError`."""
    periods, now = bool(wanted.before or wanted.after), datetime.now(UTC)
    if sum((bool(wanted.by), bool(wanted.at), periods, bool(wanted.against))) > 1:
        raise UsageError("--by, --at, --before with --after, and --against can't be combined: choose one.")
    if wanted.by:
        return by_values(query, *wanted.by)
    if wanted.at:
        return by_moment(query, parse_time(wanted.at, now, "--at"))
    if periods:
        return by_periods(query, wanted, now)
    return by_past(query, wanted.against or LAST_WEEK, now)


def by_values(query: Query, field: str, before: str, after: str) -> Sides:
    """The runs in which *field* has one value, and those in which it has the other."""
    if before == after:
        raise UsageError("--by needs two different values.")
    first, second = (replace(query, where=(*query.where, (field, value))) for value in (before, after))
    name = printable(short_name(field))
    return Sides(
        before=first, after=second, names=(f"{name} {printable(before)}", f"{name} {printable(after)}")
    )


def by_moment(query: Query, moment: datetime) -> Sides:
    """The runs that ended before *moment*, and the others."""
    if (query.since and query.since >= moment) or (query.until and query.until <= moment):
        raise UsageError("--at must be between --since and --until.")
    name = f"{moment:%Y-%m-%d %H:%M:%S}"  # shown behind the words before and after
    return Sides(before=replace(query, until=moment), after=replace(query, since=moment), names=(name, name))


def by_periods(query: Query, wanted: Wanted, now: datetime) -> Sides:
    """The runs of two periods."""
    if not (wanted.before and wanted.after):
        raise UsageError("--before and --after belong together: give both, as FROM..TO.")
    if query.since or query.until:
        raise UsageError("--before and --after are the periods: leave out --since and --until.")
    first, second = parse_span(wanted.before, now, "--before"), parse_span(wanted.after, now, "--after")
    if first[0] < second[1] and second[0] < first[1]:
        raise UsageError("--before and --after overlap, so a run would count on both sides: change one.")
    sides = between(query, first, second)
    # Nobody knows how much of a period without an end the log holds.
    return replace(sides, spans=None) if wanted.after.endswith(BETWEEN) else sides


def parse_span(text: str, now: datetime, option: str) -> tuple[datetime, datetime]:
    """The two times of `FROM..TO`; without TO, until now."""
    start, sign, end = text.partition(BETWEEN)
    if not (sign and start):
        raise UsageError(
            f"{option} {text!a} isn't a period: write FROM..TO, as 2d..1d or 2026-11-20..2026-11-21."
        )
    first, last = parse_time(start, now, option), parse_time(end, now, option) if end else now
    if first >= last:
        raise UsageError(f"{option} {text!a} ends before it begins.")
    return first, last


def by_past(query: Query, ago: str, now: datetime) -> Sides:
    """The runs of *query*'s period, or of the last hour, and those of the same time so long *ago*."""
    last = query.until or now
    first = query.since or last - RECENT
    shift = now - parse_time(ago, now, "--against")
    if last - first > shift + READING_TIME:
        raise UsageError("--against must be at least as long ago as the period is long: else both overlap.")
    first = max(first, last - shift)
    return between(query, (first - shift, last - shift), (first, last))


def between(query: Query, *periods: tuple[datetime, datetime]) -> Sides:
    """The runs of two periods, as sides."""
    before, after = (replace(query, since=first, until=last) for first, last in periods)
    first, second = ((last - first).total_seconds() for first, last in periods)
    names = [f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}" for first, last in periods]
    return Sides(before=before, after=after, names=(names[0], names[1]), spans=(first, second))
