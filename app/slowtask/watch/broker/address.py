"""Choose how to read Celery's broker, by its address."""

import importlib
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.celery_rabbitmq import CeleryRabbitMQ
from slowtask.watch.broker.celery_redis import CeleryRedis
from slowtask.watch.broker.management import DEFAULT_PORT, Management
from slowtask.watch.broker.redis import open_redis, redacted_url
from slowtask.watch.broker.sentinel import SCHEMES as SENTINEL_SCHEMES

REDIS_SCHEMES: Final = ("redis", "rediss", "unix", "redis+socket", *SENTINEL_SCHEMES)


def open_broker(url: str, management: str = "", queues: Iterable[str] = ()) -> CeleryRabbitMQ | CeleryRedis:
    """Return Celery's broker at *url*, which connects when it is first polled.

    Args:
        url: Celery's `broker_url`: `amqp://`, `amqps://`, `redis://`, `rediss://`, `redis+socket://`, or
            `sentinel://` with `?master_name=`.
        management: The address of RabbitMQ's management plugin; by default port 15672 of the same host.
        queues: Queues to read besides those that are found.

    Raises:
        UsageError: The address isn't valid, or a library for it isn't installed.
    """
    scheme = urlsplit(url).scheme
    if scheme in ("amqp", "amqps", "pyamqp"):
        require_module("kombu")
        amqp = Amqp(url)
        plugin = management or f"http://{_url_host(amqp.host)}:{DEFAULT_PORT}"
        return CeleryRabbitMQ(amqp, Management(plugin, amqp.user, amqp.password), queues)
    if scheme in REDIS_SCHEMES:
        require_module("redis")
        return CeleryRedis(open_redis(redis_py_url(url)), url, queues)
    raise UsageError(
        f"{redacted_url(url)} isn't a broker that slowtask can read: give an address that begins with"
        " amqp://, amqps://, redis://, rediss:// or sentinel://."
    )


def require_module(module: str) -> None:
    """Raise `UsageError` if *module* isn't installed."""
    try:
        importlib.import_module(module)
    except ImportError:
        raise UsageError(
            f"Celery's broker can't be read without {module}: {install_command('celery')}."
        ) from None


def redis_py_url(url: str) -> str:
    """Return *url* in redis-py's form: Celery's differs for sockets and certificates."""
    url = re.sub(r"ssl_cert_reqs=CERT_(\w+)", lambda match: f"ssl_cert_reqs={match[1].lower()}", url)
    if not url.startswith("redis+socket:"):
        return url
    database = re.search(r"virtual_host=(\d+)", url)
    credentials, path = urlsplit(url).netloc, urlsplit(url).path
    return f"unix://{credentials}{quote(path)}?db={database[1] if database else 0}"


def _url_host(host: str) -> str:
    """Return *host* as an address has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host
