"""The demonstration's tasks as Celery's, recorded: `celery --app slowtask.demo.celery worker`, in the stack.

Celery itself reads `CELERY_BROKER_URL`. The tasks have the names that they have under RQ.
"""

from collections.abc import Iterable
from typing import Any, Final

from celery import Celery
from celery.signals import celeryd_init
from kombu.exceptions import OperationalError

from slowtask.celery import install
from slowtask.demo import tasks
from slowtask.demo.jobs import QUEUE, Job
from slowtask.errors import BrokerError
from slowtask.watch.broker.redis import one_line, redacted_url

app: Final = install(Celery("slowtask-demo"))
app.conf.update(
    task_default_queue=QUEUE,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},  # else a RabbitMQ short of memory loses tasks
)


def unconfirmed(conf: Any, **_: Any) -> None:
    """A worker's heartbeats would wait for a RabbitMQ that is short of memory, and the worker with them."""
    conf.broker_transport_options = {}


celeryd_init.connect(unconfirmed)


def name(task: object) -> str:
    """What *task*, a function, is called in every queue system."""
    return f"{tasks.__name__}.{getattr(task, '__name__', '')}"


for each in (tasks.send_mail, tasks.compute, tasks.simple_task):
    app.task(each, name=name(each))


def offer(job: Job, depth: int) -> bool:
    """Publish *job* unless *depth* tasks wait already; whether it was. Raises what kombu raises."""
    task, arguments = job
    with app.connection_or_acquire() as connection:
        connection.connect()  # where its broker has closed it since
        room = waiting(connection) < depth
    if room:
        app.send_task(name(task), arguments)
    return room


def publish(jobs: Iterable[Job], url: str) -> None:
    """Publish *jobs* at the broker *url*. Raises `BrokerError`, once, where it can't be used."""
    with app.connection(url) as connection, app.amqp.Producer(connection) as producer:
        try:
            connection.ensure_connection(max_retries=0)
            for task, arguments in jobs:
                app.send_task(name(task), arguments, producer=producer)
        except (*connection.connection_errors, *connection.channel_errors, OperationalError) as error:
            raise BrokerError(
                f"{redacted_url(url)} can't be used ({one_line(error)}): is it running there?"
            ) from None


def waiting(connection: Any) -> int:
    """How many tasks wait in the queue at *connection*, by its broker's count; 0 where it isn't there yet."""
    with connection.channel() as channel:
        try:
            found: int = channel.queue_declare(queue=QUEUE, passive=True).message_count
        except connection.channel_errors:
            return 0
        return found
