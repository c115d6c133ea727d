"""Render how one line is read: each layer with what it gave, and what comes of the line."""

from collections.abc import Iterable, Iterator
from typing import Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from slowtask.parse.explain import Explanation
from slowtask.parse.layers import Layer
from slowtask.record import event
from slowtask.record.event import SECOND, Run
from slowtask.units import duration, printable

MAX_SHOWN: Final = 200  #: characters of a value
TIMES: Final = ("event.duration", "event.margin", "task.wait")
#: Fields of a run that say nothing of a line.
LEFT_OUT: Final = ("event.id", "event.dataset")


def page(explanation: Explanation) -> Group:
    """The layers, a line for each field, and what comes of the line."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for layer in explanation.layers:
        _add(grid, layer.kind, title(layer), layer.fields)
    if explanation.run is None:
        start = "No run" if explanation.known else "Not read"
        return Group(grid, Text(f"{start}: {printable(explanation.reason)}."))
    _add(grid, "run", "", run_fields(explanation.run, guessed=explanation.guessed))
    return Group(grid, Text(f"A run: {describe_run(explanation.run)}."))


def _add(grid: Table, kind: str, title: str, fields: Iterable[tuple[str, str]]) -> None:
    """Add one layer to *grid*."""
    grid.add_row(Text(kind, style="bold"), Text(shorten(title)))
    for name, value in fields:
        grid.add_row(Text(f"  {printable(name)}", style="dim"), Text(shorten(value)))


def title(layer: Layer) -> str:
    """The name of the pattern and what such a layer comes from: `WRAP_PM2 (pm2)`."""
    return (
        f"{layer.pattern} ({layer.about})" if layer.pattern and layer.about else layer.pattern or layer.about
    )


def describe_run(run: Run) -> str:
    """What became of *run*, in words: `shop.mail.send finished after 1.5 s`."""
    after = "" if run.duration is None else f" after {duration(run.duration / SECOND)}"
    return f"{shorten(run.task)} {run.action or 'ended'}{after}"


def run_fields(run: Run, *, guessed: bool) -> Iterator[tuple[str, str]]:
    """The fields of *run*, with units; *guessed*: its date was."""
    fields = event.fields(run)
    labels = {f"labels.{name}": value for name, value in fields.pop("labels", {}).items()}
    for name, value in (fields | labels).items():
        if name not in LEFT_OUT:
            unit = f" ns ({duration(value / SECOND)})" if name in TIMES else ""
            yield name, f"{value}{unit}{' (a guessed date)' * (guessed and name == '@timestamp')}"


def shorten(value: str) -> str:
    """*value* made printable, and cut if it is long."""
    text = printable(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
