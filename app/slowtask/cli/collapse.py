"""`slowtask collapse`: fill a temporary broker until it fails, and watch."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slowtask.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from slowtask.demo.beside import Step


@click.command
@click.option(
    "--broker", type=click.Choice(("redis", "rabbitmq")), default="redis", show_default=True,
    help="Which broker to fill: a Redis with RQ's jobs, or a RabbitMQ with Celery's.",
)  # fmt: skip
@click.option(
    "--limit", type=click.Choice(("memory", "length")),
    help="RabbitMQ only: fill its memory, or a queue of limited length. Default: both, one after the other.",
)  # fmt: skip
@click.option("--fast", is_flag=True, help="Publish faster, to finish earlier.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as a JSON object.")
def collapse(*, broker: str, limit: str | None, fast: bool, as_json: bool) -> None:
    """Fill a temporary broker until it fails, and watch.

    The broker is started for this experiment and stopped after it: yours is never touched.

    With Redis: 250 KB of memory, two RQ workers, and ten mails a second, each of which takes up to ten
    seconds. When Redis refuses a job, no more are added. Can the workers now drain the queue?

    With RabbitMQ and Celery: memory, until publishers are blocked; then a queue with a maximum length, until
    it refuses or drops tasks. How many tasks are lost without an error? It needs rabbitmq-server, and takes
    six minutes, or two with --fast.

    A monitor runs beside it. The output says when it would have warned.

    \b
    In less than a minute:
      slowtask collapse --fast
    Only RabbitMQ's memory:
      slowtask collapse --broker rabbitmq --limit memory
    """
    from rich.console import Console

    from slowtask.cli.show.collapse.page import print_lines

    if limit and broker == "redis":
        raise UsageError("--limit is for RabbitMQ, since Redis has only one limit: add --broker rabbitmq.")
    status = Console(stderr=True).status(f"Starting a temporary {broker}.")
    with tempfile.TemporaryDirectory(prefix="slowtask-collapse-") as folder, status:
        if broker == "redis":
            plain, lines = run_redis(Path(folder), status.update, fast=fast)
        else:
            from slowtask.cli.show.collapse.rabbitmq import run_rabbitmq

            plain, lines = run_rabbitmq(Path(folder), status.update, limit, fast=fast)
    if as_json:
        click.echo(json.dumps(plain, indent=2))
    else:
        print_lines(lines)


def run_redis(folder: Path, step: "Step", *, fast: bool) -> "tuple[dict[str, Any], list[Table | str]]":
    """Run the experiment on Redis. Returns its figures for JSON, and the lines for a person."""
    from slowtask.cli.show.collapse.redis import figures_table, story
    from slowtask.demo import collapse as experiment

    result = experiment.run(folder, step, fast=fast)
    return result.plain(), [figures_table(result.collapse), *story(result)]
