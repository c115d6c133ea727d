"""The options that several commands share, and their types."""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from functools import wraps
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from slowtask.errors import UsageError
from slowtask.parse.custom import CustomFormat, parse_fields
from slowtask.store.fields import find_field

HEAD_VARIABLE: Final = "SLOWTASK_LOG_HEAD"
FIELDS_VARIABLE: Final = "SLOWTASK_LOG_FIELDS"


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


class Custom(click.ParamType[CustomFormat]):
    """One part of a `CustomFormat`, which *make* makes of a text or raises `ValueError`."""

    def __init__(self, name: str, make: Callable[[str], CustomFormat]) -> None:
        self.name = name
        self._make = make

    def convert(
        self, value: str | CustomFormat, param: click.Parameter | None, ctx: click.Context | None
    ) -> CustomFormat:
        """Convert *value*, or fail with what is wrong in it."""
        if isinstance(value, CustomFormat):
            return value
        try:
            return self._make(value)
        except ValueError as error:
            self.fail(f"{value!a}: {error}", param, ctx)


class Field(click.ParamType[str]):
    """A field by which runs can be grouped or chosen, by any of its names."""

    name = "field"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Convert *value* to the field's full name, or fail with what is near it."""
        try:
            return find_field(value)
        except UsageError as error:
            self.fail(str(error).removesuffix("."), param, ctx)


class FieldValue(click.ParamType[tuple[str, str]]):
    """A field and its value, written as `version=1.4`."""

    name = "field"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Convert *value* to the field's full name and the text after the sign."""
        if isinstance(value, tuple):
            return value
        name, sign, text = value.partition("=")
        if not (name and sign and text):
            self.fail(f"{value!a} isn't a field with its value; write it like tenant=acme", param, ctx)
        return Field().convert(name, param, ctx), text


HEAD: Final = Custom("grok", lambda text: CustomFormat(head=text))
FIELDS: Final = Custom("fields", lambda text: CustomFormat(fields=parse_fields(text)))


def custom_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add --head and --fields to *command*, which gets them as one `custom`."""

    @click.option(
        "--head", type=HEAD, metavar="GROK", envvar=HEAD_VARIABLE, default="",
        help="How log lines begin, if slowtask doesn't know it: '%{TIME_ISO:time} '. docs/logs.md has more.",
    )  # fmt: skip
    @click.option(
        "--fields", type=FIELDS, metavar="NAME=KIND,…", envvar=FIELDS_VARIABLE, default="",
        help="What the fields of JSON logs hold, if slowtask doesn't know it: body=text,at=time",
    )  # fmt: skip
    @wraps(command)
    def run(*arguments: Any, head: CustomFormat, fields: CustomFormat, **options: Any) -> None:
        custom = CustomFormat(head=head.head, fields=fields.fields)
        command(*arguments, custom=custom, **options)

    return run


def read_custom_format() -> CustomFormat:
    """Read the two settings, for a command without these options. Raises `UsageError`."""
    head, fields = (os.environ.get(each, "") for each in (HEAD_VARIABLE, FIELDS_VARIABLE))
    try:
        return CustomFormat(head=head, fields=parse_fields(fields))
    except ValueError as error:
        raise UsageError(f"{HEAD_VARIABLE} or {FIELDS_VARIABLE} is wrong: {error}.") from None


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
where_option: Final = click.option(
    "--where", type=FieldValue(), metavar="FIELD=VALUE", multiple=True,
    help="Only runs whose field has this value, as version=1.4 or tenant=acme (a label). Repeatable.",
)  # fmt: skip
group_option: Final = click.option(
    "--group-by", "group", type=Field(), metavar="FIELD",
    help="Show queue, host, worker, version, error or a label such as tenant, instead of task.",
)  # fmt: skip
date_option: Final = click.option(
    "--date", "day", type=Date(), metavar="DATE",
    help="The date of the first log line, for lines that have only a time, as RQ's. Default: from the file.",
)  # fmt: skip
timezone_option: Final = click.option(
    "--timezone", "zone", type=Zone(), default=UTC, metavar="ZONE",
    help="The time zone of log lines without one, such as Europe/Berlin. Default: UTC.",
)  # fmt: skip
