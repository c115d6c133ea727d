"""`slowtask demo`: see it work."""

import shutil
import sys
from pathlib import Path
from typing import Final

import click

from slowtask.errors import UsageError

FOLDER: Final = Path("slowtask-demo")
#: All that a demonstration leaves in its folder.
OURS: Final = {"slowtask.ndjson", "console"}


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=FOLDER,
    show_default=True,
    help="Where all its files go.",
)
@click.option("--jobs", type=click.IntRange(min=1), default=100, show_default=True, help="How many to run.")
@click.option("--redis-url", metavar="URL", help="A Redis of yours instead; its queue is slowtask-demo.")
@click.option("--celery", is_flag=True, help="By a Celery worker of two processes instead.")
@click.option(
    "--celery-url", metavar="URL",
    help="Likewise, on a broker of yours: amqp:// or redis://; its queue is slowtask-demo.",
)  # fmt: skip
@click.pass_context
def demo(context: click.Context, /, folder: Path, jobs: int, *, celery: bool, **urls: str | None) -> None:
    """See it work: a Redis of its own, two RQ workers, three tasks, and their ranking.

    It leaves nothing running, and no file outside its folder.

    \b
    A short one, elsewhere:   slowtask demo --jobs 20 --folder /tmp/demo
    By Celery's workers:      slowtask demo --celery
    """
    celery = celery or bool(urls["celery_url"])
    if celery and urls["redis_url"]:
        raise UsageError("--redis-url is of RQ's demonstration: name Celery's broker by --celery-url.")
    prepare(folder)
    watch(folder, jobs, urls["celery_url" if celery else "redis_url"], celery=celery)
    from slowtask.cli.top import top

    context.invoke(top, sources=(str(folder / "slowtask.ndjson"),))
    click.echo(f"\nThe lines it read are in {folder}. Next: {command()} top {folder} --by p95", err=True)


def prepare(folder: Path) -> None:
    """Make *folder*, or clear it of an earlier demonstration. Raises `UsageError` where it is another's."""
    if folder.exists() and {each.name for each in folder.iterdir()} - OURS:
        raise UsageError(f"{folder} holds other files: name a folder for the demonstration by --folder.")
    try:
        (folder / "console").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} can't be made ({error.strerror}): name another by --folder.") from None
    (folder / "slowtask.ndjson").unlink(missing_ok=True)


def watch(folder: Path, jobs: int, url: str | None, *, celery: bool) -> None:
    """Run the demonstration, with a bar of the jobs that ended."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from slowtask.demo import demo as demonstration

    console = Console(stderr=True)
    console.print(f"{told(url, celery=celery)}, {jobs} jobs of three tasks:")
    run = demonstration.run_celery if celery else demonstration.run
    columns = (TextColumn("jobs run"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("jobs run", total=jobs)
        for ended in run(folder, jobs, url):
            bar.update(task, completed=ended)


def told(url: str | None, *, celery: bool) -> str:
    """Who runs them, and where."""
    place = "A Redis of its own" if url is None else "Your broker" if celery else "Your Redis"
    return f"{place}, {'a Celery worker of two processes' if celery else 'two RQ workers'}"


def command() -> str:
    """How to call slowtask again: by its name, or where that isn't on PATH as it was called now."""
    return "slowtask" if shutil.which("slowtask") else sys.argv[0]
