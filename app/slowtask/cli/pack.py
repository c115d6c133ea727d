"""`slowtask pack`: rotated logs as Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from slowtask.errors import SlowtaskError, UsageError
from slowtask.parse.sources import Source, resolve
from slowtask.record.settings import current_settings
from slowtask.units import plural, printable, size

if TYPE_CHECKING:
    from slowtask.store import packing

HELP = """Turn rotated logs into Parquet, which takes an eighth of the space and is ranked at once.

SOURCE is a rotated log, also text or .gz, a folder or a quoted glob. Each becomes a file beside it. The log
that a worker is writing is left alone.

\b
Pack, and delete what is packed in full:  slowtask pack logs/ --remove
"""


@click.command(help=HELP)
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the files there.")
@click.option("--remove", is_flag=True, help="Delete each log once all it holds is packed.")
@click.option("--live", is_flag=True, help="Pack the log that is being written, too.")
def pack(sources: tuple[str, ...], out: Path | None, *, remove: bool, live: bool) -> None:  # noqa: D103 - HELP
    logs = [source for source in resolve(sources) if source.kind == "lines"]
    if out is not None and not out.is_dir():
        raise UsageError(f"{out} is no folder: make it first.")
    chosen = [source for source in logs if live or not is_live(source)]
    if not chosen:
        click.echo(
            "slowtask: no rotated log to pack; the one being written is left alone (--live packs it).",
            err=True,
        )
    failures = [source for source in chosen if not packed(source, out, remove=remove)]
    if failures:
        raise SlowtaskError(f"{len(failures)} of {plural(len(chosen), 'log')} not packed.")


def is_live(source: Source) -> bool:
    """Whether *source* is the log that a worker with these settings writes, or by default would."""
    log = Path(current_settings().log)
    return source.path is not None and (
        source.path.name == "slowtask.ndjson" or (log.exists() and source.path.samefile(log))
    )


def packed(source: Source, out: Path | None, *, remove: bool) -> bool:
    """Pack one log and say what became of it; False where it failed."""
    from slowtask.store import packing

    try:
        if source.path is None:
            raise UsageError("stdin can't be packed: name files.")
        done = packing.pack(source, source.path, out or source.path.parent)
    except SlowtaskError as error:
        click.echo(f"slowtask: {error}", err=True)
        return False
    click.echo(line(source, done))
    if not done.complete:
        click.echo(f"slowtask: {kept(source, done, remove=remove)}", err=True)
    elif remove:
        source.path.unlink()
    return True


def line(source: Source, done: "packing.Packed") -> str:
    """`app.log.1: 1,204 runs, 4.6 GB → 480 MB in app.log.1.parquet`."""
    sizes = f"{size(done.before)} → {size(done.after)}"
    return f"{printable(source.name)}: {plural(done.runs, 'run')}, {sizes} in {printable(str(done.target))}"


def kept(source: Source, done: "packing.Packed", *, remove: bool) -> str:
    """What of the log is not in the Parquet."""
    parts = [f"{plural(done.bad, 'line')} that can't be parsed"] * bool(done.bad)
    parts += [f"{plural(done.others, 'line')} that tell of no run"] * bool(done.others)
    end = ": the log stays" if remove else ""
    return f"{printable(source.name)}: {' and '.join(parts)} not packed{end}."
