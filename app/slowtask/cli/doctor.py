"""The command `doctor`, which a worker without slowtask-cli has too."""

import sys

import click

from slowtask.doctor.command import JSON_HELP, OPTIONS, run
from slowtask.doctor.finding import Asked


@click.command
@click.option("-A", "--app", metavar="APP", help=OPTIONS["-A", "--app"])
@click.option("-c", "--config", metavar="MODULE", help=OPTIONS["-c", "--config"])
@click.option("-w", "--worker-class", metavar="CLASS", help=OPTIONS["-w", "--worker-class"])
@click.option("-j", "--job-class", metavar="CLASS", help=OPTIONS["-j", "--job-class"])
@click.option("--json", "as_json", is_flag=True, help=JSON_HELP)
def doctor(
    app: str | None, config: str | None, worker_class: str | None, job_class: str | None, *, as_json: bool
) -> None:
    """Check that workers record: versions, hooks, settings, log.

    It shows what is installed, which hooks are active, what the settings say and where from, and whether a
    record can be written: one is written to a file beside the log, read back and removed.

    Call the `slowtask` of your workers' environment, in the folder, with the variables and as the user that
    workers start with.

    \b
    RQ's workers, with the class that you give them:
      slowtask doctor --worker-class slowtask.rq.TimedWorker
    The workers of a Celery app:
      slowtask doctor -A shop

    \b
    Exit status:
      0  nothing is wrong
      1  something is wrong; the text says what to do
    """
    asked = Asked(app=app, config=config, worker_class=worker_class, job_class=job_class)
    sys.exit(run(asked, as_json=as_json))
