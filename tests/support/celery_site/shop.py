"""A Celery application with slowtask's hooks: its broker is the variable BROKER.

QUEUE_TYPE is the type of its queues on RabbitMQ.
"""

import os
import time

import kombu
from celery import Celery

from slowtask.celery import install

app = install(Celery("shop", broker=os.environ["BROKER"]))
app.conf.broker_connection_retry_on_startup = True
app.conf.task_routes = {"shop.mail": {"queue": "mail"}, "shop.thumb": {"queue": "thumb"}}
if kind := os.environ.get("QUEUE_TYPE"):
    arguments = {"x-queue-type": kind}
    app.conf.task_queues = [kombu.Queue(name, queue_arguments=arguments) for name in ("mail", "thumb")]


@app.task(name="shop.mail")
def mail(seconds):
    time.sleep(seconds)


@app.task(name="shop.thumb")
def thumb(seconds=0.0):
    time.sleep(seconds)
