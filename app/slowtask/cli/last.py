"""The option --last of `slowtask report`: the last whole day or week, compared with the one before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Final, Literal, get_args

import click

from slowtask.cli.sides import Wanted
from slowtask.errors import UsageError

Unit = Literal["day", "week"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
WEEK: Final = timedelta(days=7)
LENGTH: Final = {"day": timedelta(days=1), "week": WEEK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A whole day or week: its first day, the day after its last, and what it's called."""

    first: date
    end: date
    name: str  #: `2026-11-25`, `2026-W47`
    zone: tzinfo  #: in which its days begin

    @property
    def since(self) -> str:
        """When it begins, as --since takes it."""
        return start_of(self.first, self.zone)

    @property
    def until(self) -> str:
        """When it has ended, as --until takes it."""
        return start_of(self.end, self.zone)

    @property
    def wanted(self) -> Wanted:
        """What it is compared with: the same days a week before."""
        before = (start_of(day - WEEK, self.zone) for day in (self.first, self.end))
        return Wanted(before="..".join(before), after=f"{self.since}..{self.until}")

    def file(self, out: str | None) -> str:
        """The file to write: in the folder *out*, or in this one; *out* itself if it is no folder."""
        name = f"slowtask-{self.name}.html"
        if out is None:
            return name
        return str(Path(out) / name) if Path(out).is_dir() else out


def last_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add --last to *command*."""
    return click.option(
        "--last", type=click.Choice(UNITS),
        help="Report on the last whole day or week, in --timezone, and what changed since the week before.",
    )(command)  # fmt: skip


def find_period(unit: Unit, now: datetime, zone: tzinfo) -> Period:
    """Find the last whole day or week (from Monday) before *now*, in *zone*."""
    today = now.astimezone(zone).date()
    end = today - timedelta(days=today.weekday()) if unit == "week" else today
    first = end - LENGTH[unit]
    name = f"{first:%G-W%V}" if unit == "week" else f"{first}"
    return Period(first=first, end=end, name=name, zone=zone)


def start_of(day: date, zone: tzinfo) -> str:
    """When *day* begins in *zone*, in UTC: `2026-11-25T00:00Z`."""
    return f"{datetime.combine(day, time.min, zone).astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def require_alone(unit: Unit | None, wanted: Wanted, since: str | None, until: str | None) -> None:
    """Raise `UsageError` if --last stands beside another choice of the period."""
    if unit and (wanted.given or since or until):
        raise UsageError(
            "--last is the period and what it is compared with: leave out --since, --until, --by, --at,"
            " --before, --after and --against."
        )
