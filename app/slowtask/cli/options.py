"""The options that several commands share."""

from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import click


class Day(click.ParamType[date]):
    """A date, as 2026-11-23."""

    name = "date"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The date that *value* writes."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail(f"{value!a} is no date; one is written like 2026-11-23", param, ctx)


class Zone(click.ParamType[tzinfo]):
    """The name of a time zone."""

    name = "zone"

    def convert(
        self, value: str | tzinfo, param: click.Parameter | None, ctx: click.Context | None
    ) -> tzinfo:
        """The zone that is called *value*."""
        if isinstance(value, tzinfo):
            return value
        try:
            return ZoneInfo(value)
        except (ValueError, OSError, KeyError):  # also ZoneInfoNotFoundError
            self.fail(f"{value!a} is no time zone; one is called like Europe/Berlin", param, ctx)


#: The day and the zone of lines that don't tell theirs.
day: Final = click.option(
    "--date",
    "day",
    type=Day(),
    metavar="DATE",
    help="The day of the first line that tells only a time: RQ's.",
)
zone: Final = click.option(
    "--timezone",
    "zone",
    type=Zone(),
    default=UTC,
    metavar="ZONE",
    help="The zone of times that tell none.",
)
