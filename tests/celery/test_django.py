"""Django projects: two settings for django-rq, two lines of `docs/celery.md` for Celery."""

import os
import re
import subprocess
from subprocess import PIPE, STDOUT
from types import SimpleNamespace

import pytest
from conftest import PATIENCE, missing, wait_until

from environments import DJANGO, ROOT
from growing import read_events

pytestmark = pytest.mark.redis

SETTINGS = """
SECRET_KEY = "a test's"
USE_TZ = True
INSTALLED_APPS = ["django_rq", "shop"]
RQ_QUEUES = {{"default": {{"URL": "{url}"}}}}
RQ = {{"JOB_CLASS": "slowtask.rq.TimedJob", "WORKER_CLASS": "slowtask.rq.TimedWorker"}}
LOGGING = {{"version": 1, "disable_existing_loggers": True}}
"""
CELERY = """
CELERY_BROKER_URL = RQ_QUEUES["default"]["URL"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
"""
TASKS = """
from celery import shared_task
@shared_task
def send_mail(): return "sent"
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


@pytest.fixture
def python(project):
    """Starts the project's Python."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "app"), str(project)])}

    def start(*arguments):
        return subprocess.Popen(
            [DJANGO.python, *arguments], cwd=project, env=environment, stdout=PIPE, stderr=STDOUT, text=True
        )

    def run(*arguments):
        process = start(*arguments)
        output, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, output

    return SimpleNamespace(start=start, run=run)


def records(project):
    return read_events(project / "slowtask.ndjson")


def test_a_django_worker_leaves_records(project, python, redis):
    python.run("-c", ENQUEUE)
    python.run("manage.py", "rqworker", "--burst")
    [record] = records(project)

    assert record["task.name"] == "shop.jobs.send_mail"
    assert record["event.action"] == "finished"


def test_a_django_project_with_celery_needs_the_lines_of_its_page_only(project, python, redis):
    """There is a wait, since publishers import the same module; the broker is set as usual."""
    page = (ROOT / "docs" / "celery.md").read_text()
    module = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    (project / "shop" / "settings.py").write_text((project / "settings.py").read_text() + CELERY)
    (project / "shop" / "celery.py").write_text(module)
    (project / "shop" / "__init__.py").write_text("from .celery import app as celery_app\n")
    (project / "shop" / "tasks.py").write_text(TASKS)

    python.run("-c", "import shop; from shop.tasks import send_mail; send_mail.delay()")
    worker = python.start("-m", "celery", "-A", "shop", "worker", "-c", "1")
    wait_until(lambda: records(project))
    worker.terminate()
    worker.communicate(timeout=PATIENCE)
    [record] = records(project)

    assert record["task.name"] == "shop.tasks.send_mail"
    assert record["event.action"] == "finished"
    assert record["queue.system"] == "celery"
    assert record["task.wait"] > 0
