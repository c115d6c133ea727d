"""Each command of the page on platforms ranks the tasks of a log that the platform wrote."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from places import DOCS, GOLDEN
from slowtask.cli import slowtask
from wild import CHANGED, WILD

PAGE = (DOCS / "platforms.md").read_text()
CELL = re.compile(r"(?<!\\)\|")
#: The logs for each row, by its log and queue: cases of tests/parse/wild, or of tests/parse/golden.
LOGS = {
    ("Docker Compose", "Celery"): "101-compose-v2-timestamps",
    ("Compose, several workers", "RQ"): "102-compose-three-rq-workers",
    ("Compose, saved with colours", "RQ"): "12-compose-ansi-prefix",
    ("Docker", "Celery"): "14-docker-logs-t",
    ("Docker's files (json-file)", "RQ"): "125-docker-json-16k-rq",
    ("Docker Desktop, copied", "Celery"): "162-docker-desktop-copied",
    ("Kubernetes", "Celery"): "126-kubectl-prefix-timestamps",
    ("stern", "RQ"): "127-stern-rq",
    ("Kubernetes' files (CRI)", "Celery"): "124-cri-partial-lines",
    ("systemd's journal", "Celery"): "129-journald-short-iso-zone",
    ("the same, by default", "RQ"): "128-journald-netbox-two-clocks",
    ("the same, as JSON", "Celery"): "130-journald-json-bytes",
    ("the same, without the host", "Celery"): "09-journald-celery",
    ("syslog, RFC 3164", "Celery"): "131-rsyslog-octal-newlines",
    ("syslog, RFC 5424", "RQ"): "132-rfc5424-rq",
    ("supervisor and worker in one output", "RQ"): "57-rq1151-supervisor",
    ("supervisor's own log, `loglevel=debug`", "Celery"): "134-supervisord-debug-output",
    ("honcho, bench", "RQ"): "106-honcho-bench-colours",
    ("foreman", "Celery"): "107-foreman-celery31",
    ("pm2", "Celery"): "141-pm2-logs",
    ("Heroku", "RQ"): "04-heroku-rq",
    ("Heroku's log drain", "Celery"): "133-heroku-drain-octets",
    ("Papertrail", "Celery"): "108-papertrail-cold-shutdown-redelivered",
    ("AWS CloudWatch", "RQ"): "136-aws-logs-tail",
    ("CloudWatch, as JSON", "Celery"): "135-cloudwatch-filter-log-events",
    ("CloudWatch's console, CSV", "Celery"): "137-cloudwatch-console-csv",
    ("Google Cloud", "RQ"): "138-gcloud-newest-first-rq",
    ("fly.io", "RQ"): "142-fly-logs-rq",
    ("Render, copied", "Celery"): "143-render-twelve-hours",
    ("GitHub Actions", "Celery"): "153-github-actions-compose",
    ("Grafana Loki", "Celery"): "164-logcli-newest-first",
    ("Loki's service", "Celery"): "167-loki-api-answer",
    ("Elasticsearch, indices of yours", "Celery"): "165-elasticsearch-search-answer",
    ("CloudWatch Insights", "Celery"): "166-cloudwatch-insights-answer",
    ("Azure's Log Analytics", "Celery"): "169-azure-log-analytics",
    ("Datadog", "Celery"): "168-datadog-export",
    ("Splunk", "Celery"): "170-splunk-export",
    ("Kibana, Splunk, Datadog, Azure: exports as CSV", "RQ"): "171-kibana-csv-rq",
    ("Airflow 2", "Celery"): "31-airflow2-executor",
    ("Airflow 3", "Celery"): "30-airflow3-structlog",
    ("Frappe, ERPNext", "RQ"): "23-frappe-worker-log",
    ("paperless-ngx", "Celery"): "20-paperless",
    ("redash", "RQ"): "24-redash",
    ("Open edX", "Celery"): "22-openedx",
    ("pretix", "Celery"): "110-pretix-mail",
    ("Superset", "Celery"): "52-superset-limits",
    ("Saleor: JSON with fields of its own", "Celery"): "42-saleor-json",
    ("Django's `LOGGING`, formatter `verbose`", "RQ"): "145-django-verbose-rq",
    ("the same, in Docker's files", "Celery"): "06-docker-json-django",
    ("structlog, JSON", "Celery"): "118-structlog-json-event",
    ("structlog, console", "Celery"): "119-structlog-console-colours",
    ("django-structlog, JSON", "Celery"): "117-django-structlog-json",
    ("django-structlog, console", "Celery"): "40-posthog-structlog",
    ("loguru takes over Celery's lines", "Celery"): "151-loguru-intercepts-celery",
    ("loguru's lines between", "RQ"): "103-compose-rq-loguru",
    ("python-json-logger", "Celery"): "120-python-json-logger-data",
    ("JSON with `message`", "Celery"): "43-json-message",
    ("`worker_log_format` of your own", "Celery"): "148-celery-no-brackets",
    ("`rq worker --log-format`", "RQ"): "25-rq-own-format",
    ("`rq worker --date-format`", "RQ"): "33-rq-date-format",
    ("Fluent Bit's JSON", "Celery"): "139-fluent-bit-cri-in-json",
    ("Filebeat's documents", "Celery"): "140-filebeat-documents",
    ("grep", "RQ"): "144-grep-context-rq",
    ("`cat -n`", "Celery"): "154-cat-n",
    ("PowerShell's `>` (UTF-16)", "Celery"): "70-powershell-utf16",
    ("lines cut by a terminal", "Celery"): "69-terminal-wrapped",
    ("lines quoted in Markdown", "Celery"): "152-markdown-quote-paperless",
    ("stock worker, 0.5 and 0.6", "RQ"): "53-rq05-two-handlers 54-rq06-heartbeats",
    (
        "stock worker, 0.10 to 1.15",
        "RQ",
    ): "115-rq010-own-and-root-handler 105-rq012-failed-queue 65-rq1-domain-ids 56-rq1-killed-lower",
    ("stock worker, 1.16", "RQ"): "rq-1.16.2-worker",
    ("stock worker, 2.0 to 2.12", "RQ"): "rq-2.0.0-worker rq-2.12.0-worker",
    ("stock worker, 3.0", "RQ"): "rq-3.0.0-worker",
    (
        "stock worker, 3.0 and 3.1",
        "Celery",
    ): "50-celery30 150-celery30-beat-embedded 51-celery31-stdouts 109-celery31-redelivered",
    ("stock worker, 4", "Celery"): "121-celery41-name-before-level 29-koku-task-format",
    ("stock worker, 5.3 to 5.7", "Celery"): "celery-5.3.6-worker celery-5.5.3-worker celery-5.7.0-worker",
}

#: What platforms put before a line of 2026-01-05 09:10:SECOND, with RQ and Celery alike.
WRAPPERS = [
    "2026-01-05T09:10:SECOND.123456789Z ",
    "worker-1  | 2026-01-05T09:10:SECOND.123456789Z ",
    "worker-1  | ",
    "[pod/worker-1-abcde/worker] 2026-01-05T09:10:SECOND.123456789Z ",
    "worker-7c9d8f6b5-k2x9p worker 2026-01-05T09:10:SECOND.123456789Z ",
    "2026-01-05T09:10:SECOND.123456789Z stdout F ",
    "2026-01-05T09:10:SECOND+0000 web1 worker[77]: ",
    "Jan 05 09:10:SECOND web1 worker[77]: ",
    "<30>Jan  5 09:10:SECOND web1 worker: ",
    "<14>1 2026-01-05T09:10:SECOND.123456+00:00 web1 worker 812 - - ",
    "2026-01-05T09:10:SECOND.123456+00:00 app[worker.1]: ",
    "Jan 05 09:10:SECOND shop app/worker.1: ",
    "2026-01-05T09:10:SECOND.123000+00:00 worker/worker/4f5e387f6fd94ab29c762b85594b7c38 ",
    "2026-01-05T09:10:SECONDZ app[9080514c12d787] iad [info]",
    "Jan 05 09:10:SECOND AM  ",
    "2026-01-05T09:10:SECOND.1234567Z ",
    "09:10:SECOND worker.1 | ",
    "0|worker  | ",
    "worker.log.1:12:",
    '2026-01-05T09:10:SECOND+00:00 {app="shop", pod="worker-1"} ',
]
#: A run of ten seconds by each queue, after the second of each line.
WORKER_LINES = {
    "RQ": [
        "11 09:10:11 mail: shop.jobs.send(7) (519088f5-90fb-4d11-9c1c-aaf75e8766ed)",
        "21 09:10:21 mail: Job OK (519088f5-90fb-4d11-9c1c-aaf75e8766ed)",
    ],
    "Celery": [
        "11 [2026-01-05 09:10:11,103: INFO/MainProcess] Task shop.jobs.send[519088f5] received",
        "21 [2026-01-05 09:10:21,103: INFO/MainProcess] Task shop.jobs.send[519088f5] succeeded in 10s: None",
    ],
}


def read_rows():
    """The command of each row, by its log and queue."""
    rows, heads = {}, "| Log | Queue | Command |"
    for table in PAGE.split(f"{heads}\n| --- | --- | --- |\n")[1:]:
        for line in table.split("\n\n")[0].splitlines():
            log, queue, command = (cell.strip() for cell in CELL.split(line)[1:-1])
            rows[log, queue] = command.strip("`").replace("\\|", "|")
    return rows


ROWS = read_rows()


def cases():
    return [
        pytest.param(ROWS[row], log, id=f"{'-'.join(row)}-{log}")
        for row, logs in LOGS.items()
        for log in logs.split()
        if row in ROWS
    ]


def find(name):
    [log] = [folder / f"{name}.log" for folder in (WILD, GOLDEN) if (folder / f"{name}.log").exists()]
    return log


def expected_tasks(log):
    """The names of each task in *log*, and of each that a fair reading may leave out."""
    if log.parent == GOLDEN:
        lines = map(json.loads, log.with_suffix(".expected.ndjson").read_text().splitlines())
        return [{line["event"]["task.name"]} for line in lines if "event" in line], []
    expected = json.loads(log.with_suffix(".expected.json").read_text())
    optional = [run for run in expected["runs"] if run.get("either")] + expected.get("may", [])
    return [name_tasks(run for run in expected["runs"] if run not in optional), name_tasks(optional)]


def name_tasks(runs):
    return [{run["task"], *run.get("aka", [])} for run in runs]


@pytest.fixture
def rank(tmp_path, monkeypatch, capsys):
    """The tasks that a command prints, with a copy of a log in place of its file, or before its pipe."""

    def run(command, log):
        _, pipe, ours = command.rpartition(" | ")
        name, *arguments, source = shlex.split(ours)
        copy = tmp_path / ("piped" if pipe else Path(source).name)
        shutil.copyfile(log, copy)
        os.utime(copy, (CHANGED.timestamp(), CHANGED.timestamp()))

        assert (name, source == "-") == ("slowtask", bool(pipe))
        with subprocess.Popen(["cat", copy], stdout=subprocess.PIPE, text=True) as before:
            monkeypatch.setattr(sys, "stdin", before.stdout)
            arguments += ["-" if pipe else str(copy), "--json", "-n", "1000"]
            slowtask.main(arguments, standalone_mode=False)
        return {each["task"] for each in json.loads(capsys.readouterr().out)}

    return run


@pytest.mark.parametrize(("command", "name"), cases())
def test_a_command_ranks_the_tasks_of_its_log(rank, command, name):
    log = find(name)
    runs, perhaps = expected_tasks(log)

    ranked = rank(command, log)

    assert ranked
    assert [names for names in runs if not names & ranked] == []
    assert ranked <= set().union(*runs, *perhaps)


@pytest.mark.parametrize("queue", WORKER_LINES)
@pytest.mark.parametrize("before", WRAPPERS)
def test_what_a_platform_puts_before_a_line_is_taken_off(rank, before, queue, tmp_path):
    log = tmp_path / "wrapped.log"
    log.write_text(
        "".join(f"{before.replace('SECOND', line[:2])}{line[3:]}\n" for line in WORKER_LINES[queue])
    )

    assert rank("cat wrapped.log | slowtask top -", log) == {"shop.jobs.send"}


def test_each_row_has_a_log():
    assert set(LOGS) == set(ROWS)


def test_no_log_stands_for_two_rows():
    used = [log for logs in LOGS.values() for log in logs.split()]

    assert sorted(used) == sorted(set(used))
