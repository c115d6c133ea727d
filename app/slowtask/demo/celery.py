"""The demonstration's tasks as Celery tasks: `celery --app slowtask.demo.celery worker`, as in the stack.

Celery itself reads `CELERY_BROKER_URL`. The tasks have the same names as with RQ.
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
    # Without confirms, tasks are lost while RabbitMQ is short of memory.
    broker_transport_options={"confirm_publish": True},
)


def disable_confirms(conf: Any, **_: Any) -> None:
    """Switch confirms off in workers: while RabbitMQ is short of memory, their heartbeats would hang."""
    conf.broker_transport_options = {}


celeryd_init.connect(disable_confirms)


def name(task: object) -> str:
    """The name of *task*, a function, in every queue system."""
    return f"{tasks.__name__}.{getattr(task, '__name__', '')}"


for function in (tasks.send_mail, tasks.compute, tasks.simple_task):
    app.task(function, name=name(function))


def offer(job: Job, depth: int) -> bool:
    """Publish *job* unless *depth* tasks wait already. Returns whether it did; raises what kombu raises."""
    task, arguments = job
    with app.connection_or_acquire() as connection:
        connection.connect()  # the broker may have closed it since
        room = count_waiting(connection) < depth
    if room:
        app.send_task(name(task), arguments)
    return room


def publish(jobs: Iterable[Job], url: str) -> None:
    """Publish *jobs* to the broker at *url*, trying once. Raises `BrokerError` if it can't be used."""
    with app.connection(url) as connection, app.amqp.Producer(connection) as producer:
        try:
            connection.ensure_connection(max_retries=0)
            for task, arguments in jobs:
                app.send_task(name(task), arguments, producer=producer)
        except (*connection.connection_errors, *connection.channel_errors, OperationalError) as error:
            raise BrokerError(
                f"{redacted_url(url)} can't be used ({one_line(error)}): is it running there?"
            ) from None


def count_waiting(connection: Any) -> int:
    """Count the tasks that wait in the queue at *connection*; 0 if the queue doesn't exist yet."""
    with connection.channel() as channel:
        try:
            count: int = channel.queue_declare(queue=QUEUE, passive=True).message_count
        except connection.channel_errors:
            return 0
        return count
