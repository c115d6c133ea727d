"""Django tasks that end in every way, and a plain function for django-rq."""

import os
import signal

from django_tasks import task
from rq import Retry


@task()
def finishes():
    return "sent"


@task()
async def finishes_async():
    return "sent"


@task(takes_context=True)
def takes_context(context):
    return context.attempt


@task()
def raises():
    raise ValueError("no such user")


@task()
def asks_retry():
    return Retry(max=1)


@task()
def is_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def plain():
    return "sent"
