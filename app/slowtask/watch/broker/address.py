"""Celery's broker, of either kind, by its address."""

import importlib
import re
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

from slowtask.errors import UsageError
from slowtask.watch.broker.amqp import Amqp
from slowtask.watch.broker.celery_rabbitmq import CeleryRabbitMQ
from slowtask.watch.broker.celery_redis import CeleryRedis
from slowtask.watch.broker.management import PORT, Management
from slowtask.watch.broker.redis import open_redis, redacted_url


def open_broker(url: str, management: str = "", queues: Iterable[str] = ()) -> CeleryRabbitMQ | CeleryRedis:
    """Celery's queues at *url*; a RabbitMQ's plugin at *management*, or beside it. Raises `UsageError`."""
    scheme = urlsplit(url).scheme
    if scheme in ("amqp", "amqps", "pyamqp"):
        require_module("kombu")
        amqp = Amqp(url)
        plugin = management or f"http://{_url_host(amqp.host)}:{PORT}"
        return CeleryRabbitMQ(amqp, Management(plugin, amqp.user, amqp.password), queues)
    if scheme in ("redis", "rediss", "unix", "redis+socket"):
        require_module("redis")
        return CeleryRedis(open_redis(redis_py_url(url)), url, queues)
    raise UsageError(
        f"{redacted_url(url)} is no broker that is read here: amqp://, amqps:// or redis://host."
    )


def require_module(module: str) -> None:
    """Raise `UsageError` where *module* isn't installed."""
    try:
        importlib.import_module(module)
    except ImportError:
        raise UsageError(f"this needs {module}: pip install 'slowtask[celery]'.") from None


def redis_py_url(url: str) -> str:
    """*url* as redis-py writes it: Celery has another form for sockets, and for certificates."""
    url = re.sub(r"ssl_cert_reqs=CERT_(\w+)", lambda found: f"ssl_cert_reqs={found[1].lower()}", url)
    if not url.startswith("redis+socket:"):
        return url
    found = re.search(r"virtual_host=(\d+)", url)
    who, path = urlsplit(url).netloc, urlsplit(url).path
    return f"unix://{who}{quote(path)}?db={found[1] if found else 0}"


def _url_host(host: str) -> str:
    """*host* as it stands in an address."""
    return f"[{host}]" if ":" in host else host
