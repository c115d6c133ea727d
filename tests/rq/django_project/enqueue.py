"""`enqueue.py` reads `{queue: [case, …]}`, enqueues them, and prints `{queue: {case: id}}`.

`enqueue.py --results` reads that again and prints `{queue: {case: how Django says it ended}}`.
"""

import importlib
import json
import sys

import django
import django_rq
from django_tasks import default_task_backend

django.setup()
tasks = importlib.import_module("shop.tasks")  # it needs Django to be set up


def enqueue(queue, case):
    if case == "plain":
        return django_rq.get_queue(queue).enqueue(tasks.plain).id
    name = "raises" if case == "retried" else case
    result = getattr(tasks, name).using(queue_name=queue).enqueue()
    if case == "retried":  # Django's tasks have no setting for it
        django_rq.get_connection(queue).hset(f"rq:job:{result.id}", "retries_left", 1)
    return result.id


def result(queue, case, task_id):
    if case == "plain":
        return django_rq.get_queue(queue).fetch_job(task_id).get_status()
    return default_task_backend.get_result(task_id).status.name


given = json.load(sys.stdin)
if "--results" in sys.argv:
    told = {
        queue: {case: result(queue, case, task_id) for case, task_id in cases.items()}
        for queue, cases in given.items()
    }
else:
    told = {queue: {case: enqueue(queue, case) for case in cases} for queue, cases in given.items()}
print(json.dumps(told))
