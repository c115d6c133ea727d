"""A Django project whose tasks run on RQ; `RQ_SETTING` is what a worker's `RQ` holds."""

import json
import os

SECRET_KEY = "a test's"  # noqa: S105 - it keeps nothing
USE_TZ = True
INSTALLED_APPS = ["django_rq", "django_tasks", "django_tasks_rq", "shop"]
RQ = json.loads(os.environ.get("RQ_SETTING", "{}"))
RQ_QUEUES = {name: {"URL": os.environ["RQ_REDIS_URL"]} for name in os.environ["QUEUES"].split(",")}
TASK_QUEUES = [name for name in RQ_QUEUES if not name.startswith("jobs-")]
TASKS = {"default": {"BACKEND": "django_tasks_rq.RQBackend", "QUEUES": TASK_QUEUES}}
