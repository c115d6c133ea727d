"""Find and open the brokers that `slowtask status` and `slowtask monitor` watch."""

import importlib.util
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.watch.settings import DEFAULT_REDIS_URL, URL_VARIABLES

if TYPE_CHECKING:
    from slowtask.watch.broker import Broker
    from slowtask.watch.settings import MonitorSettings

#: The help of each option that holds a URL.
URL_HELP: Final = {
    "redis_url": "The Redis of RQ. Default: SLOWTASK_REDIS_URL, then RQ_REDIS_URL.",
    "celery_url": "Celery's broker: amqp://, amqps://, redis:// or sentinel://. Default: SLOWTASK_CELERY_URL,"
    " then CELERY_BROKER_URL.",
    "management_url": "RabbitMQ's management plugin. Default: port 15672 of the broker's host.",
}


def add_url_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate *command* with the options that hold a broker's URLs."""
    for name, text in reversed(URL_HELP.items()):
        command = click.option(f"--{name.replace('_', '-')}", metavar="URL", help=text)(command)
    return command


def choose_urls(
    options: Mapping[str, str | None],
    environment: Mapping[str, str],
    settings: "MonitorSettings | None" = None,
) -> dict[str, str]:
    """Return the URLs of *options*, or else of *settings*, or else of *environment*.

    Without any URL it is RQ's default. An option that names one queue system's broker leaves the other out.
    """
    given = {name: url for name, url in options.items() if url}
    if not given.keys() & {"redis_url", "celery_url"}:
        given = (urls_in_settings(settings) if settings else urls_in_environment(environment)) | given
    elif "management_url" not in given:
        given["management_url"] = (
            settings.management_url if settings else environment.get(URL_VARIABLES["management_url"][0], "")
        )
    if not given.get("redis_url") and not given.get("celery_url"):
        given["redis_url"] = DEFAULT_REDIS_URL
    return given


def urls_in_settings(settings: "MonitorSettings") -> dict[str, str]:
    """The URLs in *settings*."""
    return {name: getattr(settings, name) for name in URL_VARIABLES}


def urls_in_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The URLs in the variables of *environment*: slowtask's own, else those of the queue systems."""
    return {
        name: environment.get(ours) or environment.get(theirs) or ""
        for name, (ours, theirs) in URL_VARIABLES.items()
    }


def open_brokers(urls: Mapping[str, str], queues: Sequence[str] = ()) -> "list[Broker]":
    """Open the brokers at *urls*, RQ's first. *queues* are Celery's, besides those found.

    Raises `UsageError`.
    """
    brokers: list[Broker] = []
    if url := urls.get("redis_url"):
        brokers.append(open_rq(url))
    if url := urls.get("celery_url"):
        from slowtask.watch.broker.address import open_broker

        brokers.append(open_broker(url, urls.get("management_url", ""), queues))
    return brokers


def open_rq(url: str) -> "Broker":
    """Open the Redis of RQ at *url*. Raises `UsageError`."""
    if importlib.util.find_spec("redis") is None:
        raise UsageError(f"reading RQ's Redis needs redis-py: {install_command('rq')}.")
    from slowtask.watch.broker.redis import open_redis
    from slowtask.watch.broker.rq import Rq

    return Rq(open_redis(url), url, os.environ.get("RQ_KEY_PREFIX") or "rq")
