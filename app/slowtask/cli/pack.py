"""`slowtask pack`: convert rotated logs to Parquet files."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from slowtask.cli.options import read_custom_format
from slowtask.cli.terminal import print_message
from slowtask.errors import SlowtaskError, SourceError, UsageError
from slowtask.parse.sources import Source, resolve
from slowtask.record.settings import current_settings
from slowtask.units import plural, printable, size

if TYPE_CHECKING:
    from slowtask.store import packing

NO_ROTATED_LOG: Final = (
    "no rotated log to pack. The log that is being written is left alone; --live packs it."
)
NO_LOG: Final = "no log to pack, only Parquet files."


@click.command
@click.argument("sources", metavar="SOURCE…", nargs=-1, required=True)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FOLDER",
    help="Write the Parquet files to this folder. Default: beside each log.",
)  # fmt: skip
@click.option("--remove", is_flag=True, help="Delete each log after all its lines have been packed.")
@click.option("--live", is_flag=True, help="Also pack the log that a worker is writing.")
def pack(sources: tuple[str, ...], out: Path | None, *, remove: bool, live: bool) -> None:
    """Convert rotated logs to Parquet files.

    A Parquet file takes about an eighth of the space, and slowtask top reads it without parsing. All fields
    are kept.

    SOURCE is a log, a folder or a quoted glob. Text logs and .gz files are parsed first. The log that a
    worker is writing is left alone, unless you add --live.

    \b
    Pack all rotated logs of a folder:
      slowtask pack logs/
    Also delete each log after it was packed:
      slowtask pack logs/ --remove

    \b
    Exit status:
      0  every log was packed, or there was none to pack
      1  a log could not be packed; stderr says which and why
      2  an argument is wrong
    """
    logs = [source for source in resolve(sources, read_custom_format()) if source.kind == "lines"]
    if out is not None and not out.is_dir():
        raise UsageError(f"there is no folder {out}: make it first.")
    chosen = [source for source in logs if live or not is_live(source)]
    if not chosen:
        print_message(NO_ROTATED_LOG if logs else NO_LOG)
    failed = [source for source in chosen if not pack_log(source, out, remove=remove)]
    if failed:
        raise SlowtaskError(f"{len(failed)} of {plural(len(chosen), 'log')} not packed.")


def is_live(source: Source) -> bool:
    """Whether *source* is the log that a worker writes, with these settings or by default."""
    log = Path(current_settings().log)
    return source.path is not None and (
        source.path.name == "slowtask.ndjson" or (log.exists() and source.path.samefile(log))
    )


def delete_log(path: Path) -> None:
    """Delete the log at *path*. Raises `SourceError`."""
    try:
        path.unlink()
    except OSError as error:
        raise SourceError(
            f"{path} can't be deleted ({error.strerror}): check the permissions of its folder."
        ) from None


def pack_log(source: Source, out: Path | None, *, remove: bool) -> bool:
    """Pack one log and print the result. Returns whether it was packed."""
    from slowtask.store import packing

    try:
        if source.path is None:
            raise UsageError("stdin can't be packed: name log files.")
        result = packing.pack(source, source.path, out or source.path.parent)
    except SlowtaskError as error:
        print_message(str(error))
        return False
    click.echo(summary(source, result))
    if not result.complete:
        print_message(unpacked_lines(source, result, remove=remove))
    elif remove:
        delete_log(source.path)
    return True


def summary(source: Source, result: "packing.Packed") -> str:
    """The result in one line: `app.log.1: 1,204 runs, 4.6 GB → 480 MB in app.log.1.parquet`."""
    sizes = f"{size(result.size_before)} → {size(result.size_after)}"
    return (
        f"{printable(source.name)}: {plural(result.runs, 'run')}, {sizes} in {printable(str(result.target))}"
    )


def unpacked_lines(source: Source, result: "packing.Packed", *, remove: bool) -> str:
    """Which lines of the log are not in the Parquet file, and that *remove* therefore kept the log."""
    parts = [f"{plural(result.bad, 'line')} that can't be parsed"] * bool(result.bad)
    parts += [
        f"{plural(result.others, 'line')} that {'holds' if result.others == 1 else 'hold'} no run"
    ] * bool(result.others)
    end = ", so the log stays" if remove else ""
    return f"{printable(source.name)}: {' and '.join(parts)} not packed{end}."
