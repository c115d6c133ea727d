"""What the commands that watch look at: RQ's Redis, Celery's broker, or both."""

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.errors import UsageError
from slowtask.watch.settings import DEFAULT_REDIS_URL, URL_VARIABLES

if TYPE_CHECKING:
    from slowtask.watch.broker import Broker
    from slowtask.watch.settings import MonitorSettings

HELP: Final = {
    "redis_url": "RQ's Redis.",
    "celery_url": "Celery's broker: amqp://, amqps:// or redis://.",
    "management_url": "Its RabbitMQ's management: http://host:15672.",
}


def addresses(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* the options that say where the queues are."""
    for name, text in reversed(HELP.items()):
        command = click.option(f"--{name.replace('_', '-')}", metavar="URL", help=text)(command)
    return command


def named(
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    settings: "MonitorSettings | None" = None,
) -> dict[str, str]:
    """The addresses by *options*, else by *settings*, else by *environment*; without any, RQ's default.

    Options that name one system leave the other alone.
    """
    given = {name: url for name, url in options.items() if url}
    if not given.keys() & {"redis_url", "celery_url"}:
        given = (of(settings) if settings else in_environment(environment)) | given
    elif "management_url" not in given:
        given["management_url"] = (
            settings.management_url if settings else environment.get(URL_VARIABLES["management_url"][0], "")
        )
    if not given.get("redis_url") and not given.get("celery_url"):
        given["redis_url"] = DEFAULT_REDIS_URL
    return given


def of(settings: "MonitorSettings") -> dict[str, str]:
    """The addresses in *settings*."""
    return {name: getattr(settings, name) for name in URL_VARIABLES}


def in_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The addresses in *environment*: ours, else those of the queue systems."""
    return {
        name: environment.get(ours) or environment.get(theirs) or ""
        for name, (ours, theirs) in URL_VARIABLES.items()
    }


def brokers(urls: Mapping[str, str], queues: Sequence[str] = ()) -> "list[Broker]":
    """What is looked at: RQ first. Raises `UsageError`."""
    found: list[Broker] = []
    if url := urls.get("redis_url"):
        found.append(rq(url))
    if url := urls.get("celery_url"):
        from slowtask.watch.broker.address import open_broker

        found.append(open_broker(url, urls.get("management_url", ""), queues))
    return found


def rq(url: str) -> "Broker":
    """RQ's queues on the Redis at *url*. Raises `UsageError`."""
    if importlib.util.find_spec("redis") is None:
        raise UsageError("this needs redis-py: pip install 'slowtask[rq]'.")
    from slowtask.watch.broker.redis import open_redis
    from slowtask.watch.broker.rq import Rq

    return Rq(open_redis(url), url, os.environ.get("RQ_KEY_PREFIX") or "rq")
