"""`slowtask demo`: run example jobs and rank them."""

import shutil
import sys
from pathlib import Path
from typing import Final

import click

from slowtask.errors import UsageError

FOLDER: Final = Path("slowtask-demo")
#: All that a demonstration leaves in its folder.
OWN_FILES: Final = {"slowtask.ndjson", "console"}


@click.command
@click.option(
    "--folder", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=True,
    help="The folder for its files.",
)  # fmt: skip
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    metavar="COUNT",
    help="How many jobs to run.",
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
def demo(context: click.Context, /, folder: Path, jobs: int, *, celery: bool, **urls: str | None) -> None:
    """Run example jobs on a temporary Redis and rank them.

    Two RQ workers run a hundred jobs of three tasks. Afterwards all that was started is stopped. The files
    stay in the folder: slowtask.ndjson, with a line for each attempt, and console/, with what the programs
    printed.

    \b
    Fewer jobs, another folder:
      slowtask demo --jobs 20 --folder /tmp/demo
    The same with Celery:
      slowtask demo --celery
    """
    celery = celery or bool(urls["celery_url"])
    if celery and urls["redis_url"]:
        raise UsageError("--redis-url is for RQ: with Celery, name the broker with --celery-url.")
    prepare_folder(folder)
    run_with_progress(folder, jobs, urls["celery_url" if celery else "redis_url"], celery=celery)
    from slowtask.cli.top import top

    context.invoke(top, sources=(str(folder / "slowtask.ndjson"),))
    again = f"{program_name()} top {folder} --by p95"
    click.echo(f"\nThe log is {folder / 'slowtask.ndjson'}. Next, try: {again}", err=True)


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


def run_with_progress(folder: Path, jobs: int, url: str | None, *, celery: bool) -> None:
    """Run the demonstration, with a progress bar of the finished jobs on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from slowtask.demo import demo as demonstration

    console = Console(stderr=True)
    console.print(f"Running {jobs} jobs of three tasks: {describe_run(url, celery=celery)}.")
    run = demonstration.run_celery if celery else demonstration.run
    columns = (TextColumn("jobs finished"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("jobs finished", total=jobs)
        for finished in run(folder, jobs, url):
            bar.update(task, completed=finished)


def describe_run(url: str | None, *, celery: bool) -> str:
    """Which workers run the jobs, and on which broker."""
    broker = "a temporary Redis" if url is None else "your broker" if celery else "your Redis"
    return f"{'a Celery worker of two processes' if celery else 'two RQ workers'} on {broker}"


def program_name() -> str:
    """How to call slowtask again: its name if it is on PATH, else the path by which it was called."""
    return "slowtask" if shutil.which("slowtask") else sys.argv[0]
