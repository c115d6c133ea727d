"""Works in django-rq: two settings, and `manage.py rqworker` leaves records."""

import json
import os
import subprocess

import pytest

from conftest import missing
from environments import DJANGO, ROOT

pytestmark = pytest.mark.redis

SETTINGS = """
SECRET_KEY = "a test's"
USE_TZ = True
INSTALLED_APPS = ["django_rq", "shop"]
RQ_QUEUES = {{"default": {{"URL": "{url}"}}}}
RQ = {{"JOB_CLASS": "slowtask.rq.TimedJob", "WORKER_CLASS": "slowtask.rq.TimedWorker"}}
LOGGING = {{"version": 1, "disable_existing_loggers": True}}
"""
MANAGE = """
import os, sys
from django.core.management import execute_from_command_line
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
ENQUEUE = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django; django.setup()
import django_rq
from shop.jobs import send_mail
django_rq.enqueue(send_mail)
"""


@pytest.fixture
def project(tmp_path, redis_server):
    """A Django project with one app and one task."""
    if not DJANGO.made:
        missing(DJANGO.name)
    (tmp_path / "settings.py").write_text(SETTINGS.format(url=redis_server))
    (tmp_path / "manage.py").write_text(MANAGE)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "jobs.py").write_text("def send_mail(): return 'sent'\n")
    return tmp_path


def test_a_django_worker_leaves_records(project, redis):
    environment = os.environ | {"PYTHONPATH": str(ROOT / "app")}

    def python(*arguments):
        subprocess.run(
            [DJANGO.python, *arguments], cwd=project, env=environment, check=True, capture_output=True
        )

    python("-c", ENQUEUE)
    python("manage.py", "rqworker", "--burst")
    [record] = [json.loads(line) for line in (project / "slowtask.ndjson").read_text().splitlines()]

    assert record["task.name"] == "shop.jobs.send_mail"
    assert record["event.action"] == "finished"
