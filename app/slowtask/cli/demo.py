"""`slowtask demo`: run example jobs and rank them."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from slowtask.errors import UsageError

FOLDER: Final = Path("slowtask-demo")
#: All that a demonstration leaves in its folder.
OWN_FILES: Final = {"slowtask.ndjson", "console"}
JOBS: Final = 100
RELEASE_JOBS: Final = 130  #: of each release: 65 computations show that they take longer


@click.command
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True,
    help="The folder for its files.",
)  # fmt: skip
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="COUNT",
    help=f"How many jobs to run.  [default: {JOBS}, or {RELEASE_JOBS} of each release]",
)
@click.option(
    "--releases", is_flag=True, help="Run the jobs as release 1.0, then as 2.0, in which one task is slower."
)
@click.option(
    "--redis-url",
    metavar="URL",
    help="Use your Redis, on the queue slowtask-demo, instead of a temporary one.",
)
@click.option(
    "--celery", is_flag=True, help="Use a Celery worker of two processes instead of two RQ workers."
)
@click.option(
    "--celery-url", metavar="URL",
    help="Use Celery on your broker, amqp:// or redis://, on the queue slowtask-demo.",
)  # fmt: skip
@click.pass_context
def demo(
    context: click.Context, /, folder: Path, jobs: int | None, *, releases: bool, celery: bool,
    **urls: str | None,
) -> None:  # fmt: skip
    """Run example jobs on a temporary Redis and rank them.

    Two RQ workers run a hundred jobs of three tasks. Afterwards all that was started is stopped. The files
    stay in the folder: slowtask.ndjson, with a line for each attempt, and console/, with what the programs
    printed.

    \b
    Fewer jobs, another folder:
      slowtask demo --jobs 20 --folder /tmp/demo
    The same with Celery:
      slowtask demo --celery
    Two releases, to compare them:
      slowtask demo --releases
    """
    celery = celery or bool(urls["celery_url"])
    if celery and urls["redis_url"]:
        raise UsageError("--redis-url is for RQ: with Celery, name the broker with --celery-url.")
    prepare_folder(folder)
    from slowtask.demo.tasks import RELEASES

    versions = RELEASES if releases else ()
    count = jobs or (RELEASE_JOBS if releases else JOBS)
    run_with_progress(folder, count, urls["celery_url" if celery else "redis_url"], versions, celery=celery)
    log = folder / "slowtask.ndjson"
    if releases:
        compare_releases(context, log, versions)
    else:
        rank(context, log)


def rank(context: click.Context, log: Path) -> None:
    """Rank the tasks of *log*, and say how to go on."""
    from slowtask.cli.top import top

    context.invoke(top, sources=(str(log),))
    again = f"{program_name()} top {log.parent} --by p95"
    click.echo(f"\nThe log is {log}. Next, try: {again}", err=True)


def compare_releases(context: click.Context, log: Path, versions: Sequence[str]) -> None:
    """Compare the tasks of two *versions* in *log*, and say how to do so again."""
    from slowtask.cli.diff import diff

    arguments = [str(log), "--by", "version", *versions]
    with diff.make_context("diff", [*arguments], parent=context) as comparison:
        diff.invoke(comparison)
    click.echo(f"\nThis is {program_name()} diff {' '.join(arguments)}", err=True)


def prepare_folder(folder: Path) -> None:
    """Make *folder*, or remove an earlier demonstration's log. Raises `UsageError` if it has other files."""
    if folder.exists() and {path.name for path in folder.iterdir()} - OWN_FILES:
        raise UsageError(f"{folder} holds other files: choose another folder with --folder.")
    try:
        (folder / "console").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"can't make the folder {folder} ({error.strerror}): choose another with --folder."
        ) from None
    (folder / "slowtask.ndjson").unlink(missing_ok=True)


def run_with_progress(
    folder: Path, jobs: int, url: str | None, releases: Sequence[str], *, celery: bool
) -> None:
    """Run the demonstration, with a progress bar of the finished jobs on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from slowtask.demo import demo as demonstration

    console = Console(stderr=True)
    total = jobs * max(1, len(releases))
    how = describe_run(url, celery=celery) + (f", release {', then '.join(releases)}" if releases else "")
    console.print(f"Running {total} jobs of three tasks: {how}.")
    run = demonstration.run_celery if celery else demonstration.run
    columns = (TextColumn("jobs finished"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("jobs finished", total=total)
        for finished in run(folder, jobs, url, releases):
            bar.update(task, completed=finished)


def describe_run(url: str | None, *, celery: bool) -> str:
    """Which workers run the jobs, and on which broker."""
    broker = "a temporary Redis" if url is None else "your broker" if celery else "your Redis"
    return f"{'a Celery worker of two processes' if celery else 'two RQ workers'} on {broker}"


def program_name() -> str:
    """How to call slowtask again: its name if it is on PATH, else the path by which it was called."""
    return "slowtask" if shutil.which("slowtask") else sys.argv[0]
