"""The shop's tasks on Celery, at the address BROKER; with `HOOKS=off` without slowtask's hooks."""

import os

import jobs
from celery import Celery

from slowtask.celery import install

app = Celery("celery_jobs", broker=os.environ["BROKER"])
if os.environ.get("HOOKS", "on") == "on":
    install(app)
app.conf.update(
    task_default_queue="mail",
    task_ignore_result=not os.environ.get("RESULTS"),
    result_backend=os.environ.get("RESULTS") or None,
    result_expires=None,
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "4")),
    broker_connection_retry_on_startup=True,
    beat_schedule={"tick": {"task": "jobs.tick", "schedule": 2.0}},
)
for function in jobs.TASKS:
    app.task(function, name=f"jobs.{function.__name__}")
