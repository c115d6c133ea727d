"""WATCH: the commands that an alert carries, ready to paste. Names are quoted for the shell."""

import shlex
from typing import Final

from slowtask.units import printable
from slowtask.watch.broker import Running
from slowtask.watch.view import QueueView, View

MAX_NAME: Final = 200  #: characters of a name in a command


def quote(name: str) -> str:
    """Return *name* as one word of a shell."""
    return shlex.quote(printable(name)[:MAX_NAME])


def start_worker(view: View, queue: QueueView) -> str:
    """Return the command that starts a worker of *queue*."""
    name = quote(queue.queue.name)
    if view.poll.system == "rq":
        return f"rq worker --url {quote(view.poll.name)} {name}"
    return f"celery -A APP worker -Q {name}"


def list_workers(view: View) -> str:
    """Return the command that lists the workers."""
    if view.poll.system == "rq":
        return f"rq info --url {quote(view.poll.name)} --only-workers"
    return "celery -A APP inspect active_queues"


def stop_job(view: View, job: Running) -> str:
    """Return the command that ends *job*."""
    if view.poll.system == "rq":
        code = "from rq.command import send_stop_job_command as stop; from redis import Redis; import sys;"
        return (
            f"python -c '{code} stop(Redis.from_url(sys.argv[1]), sys.argv[2])'"
            f" {quote(view.poll.name)} {quote(job.id)}"
        )
    return f"celery -A APP control terminate KILL {quote(job.id)}"


def serve_again(view: View, queue: QueueView, *, paused: bool) -> str:
    """Return the command that lets workers serve *queue* again: live ones, which may be *paused*."""
    if view.poll.system != "rq":
        return f"celery -A APP control add_consumer {quote(queue.queue.name)}"
    return f"rq resume --url {quote(view.poll.name)}" if paused else start_worker(view, queue)


def redis_cli(view: View, *commands: str) -> tuple[str, ...]:
    """Return the calls of redis-cli that send *commands*; none for an address that it doesn't take."""
    if not view.poll.name.startswith(("redis://", "rediss://")):
        return ()
    return tuple(f"redis-cli -u {quote(view.poll.name)} {command}" for command in commands)
