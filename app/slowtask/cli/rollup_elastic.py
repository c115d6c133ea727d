"""Roll up the runs of an Elasticsearch, for `slowtask rollup`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.cli.terminal import print_json
from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.parse.sources import is_address
from slowtask.store.elastic.access import Access
from slowtask.units import plural, printable

if TYPE_CHECKING:
    from slowtask.store.elastic.rolled.making import Step

#: The options that are about log files, by the names of their parameters.
FILE_OPTIONS: Final[Mapping[str, str]] = {
    "out": "--out",
    "remove": "--remove",
    "day": "--date",
    "zone": "--timezone",
}


def is_elastic(sources: Sequence[str]) -> bool:
    """Whether *sources* name an Elasticsearch. Raises `UsageError` for more than one source then."""
    if not any(map(is_address, sources)):
        return False
    if len(sources) > 1:
        raise UsageError("An Elasticsearch can't be combined with other sources: name it alone.")
    return True


def roll_up_elastic(address: str, *, as_json: bool) -> None:
    """Roll up what is new at *address*, and print what was written. Raises `SlowtaskError`."""
    access = Access.from_address(address)
    try:
        from slowtask.store.elastic.rolled.streams import roll_up_streams
    except ImportError:
        raise UsageError(f"This needs Elasticsearch's client: {install_command('elasticsearch')}.") from None

    steps = []
    for step in roll_up_streams(access, datetime.now(UTC)):
        steps.append(step)
        if not as_json:
            click.echo(describe(step))
    if as_json:
        print_json([make_row(step) for step in steps])
    elif not steps:
        click.echo("Nothing new to roll up.")


def refuse_file_options() -> None:
    """Raise `UsageError` if an option was given that only makes sense for log files."""
    context = click.get_current_context()
    for name, option in FILE_OPTIONS.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise UsageError(f"{option} is for log files: leave it out for an Elasticsearch.")


def describe(step: "Step") -> str:
    """What was written, in one line."""
    begin, end = (minute(time).replace("T", " ") for time in step.limits)
    what = "hours" if step.span == "hour" else f"the {step.span}"
    runs, documents = plural(step.runs, "run"), plural(step.cells, "document")
    return f"{printable(step.stream)}: {what} from {begin} to {end} UTC: {runs}, {documents} written"


def make_row(step: "Step") -> Mapping[str, Any]:
    """The JSON object of one step."""
    begin, end = (f"{minute(time)}Z" for time in step.limits)
    return {
        "stream": step.stream,
        "span": step.span,
        "begin": begin,
        "end": end,
        "runs": step.runs,
        "documents": step.cells,
    }


def minute(time: int) -> str:
    """*time*, in ms since the epoch, as an hour and a minute of UTC."""
    return datetime.fromtimestamp(time / 1000, UTC).strftime("%Y-%m-%dT%H:%M")
