"""`slowtask collapse`: see a queue fall over."""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from slowtask.cli.show.collapse.redis import show, story, table
from slowtask.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from slowtask.demo.beside import Step


@click.command()
@click.option(
    "--broker", type=click.Choice(("redis", "rabbitmq")), default="redis", show_default=True,
    help="Which broker falls over: RQ's, or Celery's.",
)  # fmt: skip
@click.option(
    "--limit", type=click.Choice(("memory", "length")),
    help="Of RabbitMQ one part alone: its memory, or a queue's own limit.",
)  # fmt: skip
@click.option("--fast", is_flag=True, help="Enqueue without waiting; on RabbitMQ several times as fast.")
@click.option("--json", "as_json", is_flag=True, help="The figures as a JSON object.")
def collapse(*, broker: str, limit: str | None, fast: bool, as_json: bool) -> None:
    """See a queue fall over, on a broker of its own: never on yours.

    Redis gets 250 KB of room, two RQ workers and ten send_mail jobs a second, each of which takes up to
    ten seconds. A monitor beside it says when it would have warned. Then it looks on: can the workers still
    work the queue off?

    RabbitMQ falls over otherwise, with Celery's workers: by its memory, which blocks publishers, and by a
    queue's own limit, which refuses tasks or drops them. How many are lost without an error?

    \b
    In under a minute:   slowtask collapse --fast
    Its memory alone:    slowtask collapse --broker rabbitmq --limit memory
    """
    from rich.console import Console

    if limit and broker == "redis":
        raise UsageError("a Redis has one limit, its memory: give --limit with --broker rabbitmq.")
    status = Console(stderr=True).status(f"starting a {broker} of its own")
    with tempfile.TemporaryDirectory(prefix="slowtask-collapse-") as folder, status:
        if broker == "redis":
            plain, lines = redis(Path(folder), status.update, fast=fast)
        else:
            from slowtask.cli.show.collapse.rabbitmq import rabbitmq

            plain, lines = rabbitmq(Path(folder), status.update, limit, fast=fast)
    if as_json:
        click.echo(json.dumps(plain, indent=2))
    else:
        show(lines)


def redis(folder: Path, step: "Step", *, fast: bool) -> "tuple[dict[str, Any], list[Table | str]]":
    """The experiment on Redis: as JSON has it, and as a person reads it."""
    from slowtask.demo import collapse as experiment

    result = experiment.run(folder, step, fast=fast)
    return result.plain(), [table(result.collapse), *story(result)]
