"""The options that several commands share, and their types."""

from datetime import UTC, date, datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import click


class Date(click.ParamType[date]):
    """A date, written as 2026-11-23."""

    name = "date"

    def convert(self, value: str | date, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Convert *value* to a date, or fail with an example."""
        if isinstance(value, date):
            return value
        try:
            return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC).date()
        except ValueError:
            self.fail(f"{value!a} is not a date; write it like 2026-11-23", param, ctx)


class Zone(click.ParamType[tzinfo]):
    """The name of a time zone."""

    name = "zone"

    def convert(
        self, value: str | tzinfo, param: click.Parameter | None, ctx: click.Context | None
    ) -> tzinfo:
        """Convert *value* to a time zone, or fail with an example."""
        if isinstance(value, tzinfo):
            return value
        try:
            return ZoneInfo(value)
        except (ValueError, OSError, KeyError):  # also ZoneInfoNotFoundError
            self.fail(f"{value!a} is not a time zone; write it like Europe/Berlin", param, ctx)


since_option: Final = click.option(
    "--since",
    metavar="TIME",
    help="Only runs that ended at or after TIME: 90s, 15m, 1h, 7d or 2w ago, or 2026-11-23T18:30.",
)
until_option: Final = click.option(
    "--until",
    metavar="TIME",
    help="Only runs that ended before TIME. Times are UTC unless they have an offset, as +01:00.",
)
queue_option: Final = click.option(
    "--queue", "queues", metavar="NAME", multiple=True, help="Only runs of this queue. Repeatable."
)
date_option: Final = click.option(
    "--date", "day", type=Date(), metavar="DATE",
    help="The date of the first log line, for lines that have only a time, as RQ's. Default: from the file.",
)  # fmt: skip
timezone_option: Final = click.option(
    "--timezone", "zone", type=Zone(), default=UTC, metavar="ZONE",
    help="The time zone of log lines without one, such as Europe/Berlin. Default: UTC.",
)  # fmt: skip
