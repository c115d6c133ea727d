"""Logs as people have them are read as a person reads them."""

import pytest

from wild import WILD, judge_case

CASES = sorted(path.stem for path in WILD.glob("*.log"))
#: The cases that aren't read yet. A case that is read must leave the list.
UNREAD = {
    "01-compose-celery",
    "03-compose-rq-basicconfig",
    "04-heroku-rq",
    "06-docker-json-django",
    "09-journald-celery",
    "12-compose-ansi-prefix",
    "14-docker-logs-t",
    "20-paperless",
    "22-openedx",
    "23-frappe-worker-log",
    "24-redash",
    "25-rq-own-format",
    "27-rq-no-time",
    "29-koku-task-format",
    "30-airflow3-structlog",
    "33-rq-date-format",
    "40-posthog-structlog",
    "42-saleor-json",
    "43-json-message",
    "53-rq05-two-handlers",
    "54-rq06-heartbeats",
    "56-rq1-killed-lower",
    "60-celery-every-line-twice",
    "63-rq2-queue-colon",
    "65-rq1-domain-ids",
    "68-celery-name-with-space",
    "69-terminal-wrapped",
    "71-rq-scheduler",
    "101-compose-v2-timestamps",
    "102-compose-three-rq-workers",
    "103-compose-rq-loguru",
    "104-rq-output-without-newline",
    "105-rq012-failed-queue",
    "106-honcho-bench-colours",
    "107-foreman-celery31",
    "108-papertrail-cold-shutdown-redelivered",
    "110-pretix-mail",
    "111-airflow3-desktop-clock",
    "112-rq-debug-uvicorn-level",
    "113-rq26-padded-terminal",
    "114-rq02-minutes",
    "115-rq010-own-and-root-handler",
    "116-rq-two-handlers-no-date",
    "117-django-structlog-json",
    "118-structlog-json-event",
    "119-structlog-console-colours",
    "120-python-json-logger-data",
    "121-celery41-name-before-level",
    "122-peek-date-with-month-name",
    "123-celery-basicconfig-no-time",
    "124-cri-partial-lines",
    "125-docker-json-16k-rq",
    "126-kubectl-prefix-timestamps",
    "127-stern-rq",
    "128-journald-netbox-two-clocks",
    "129-journald-short-iso-zone",
    "130-journald-json-bytes",
    "131-rsyslog-octal-newlines",
    "132-rfc5424-rq",
    "133-heroku-drain-octets",
    "134-supervisord-debug-output",
    "136-aws-logs-tail",
    "137-cloudwatch-console-csv",
    "138-gcloud-newest-first-rq",
    "139-fluent-bit-cri-in-json",
    "140-filebeat-documents",
    "141-pm2-logs",
    "142-fly-logs-rq",
    "143-render-twelve-hours",
    "144-grep-context-rq",
    "145-django-verbose-rq",
    "146-celery-pipes-and-function",
    "147-celery-level-only",
    "148-celery-no-brackets",
    "149-paperless-gunicorn-killed",
    "150-celery30-beat-embedded",
    "151-loguru-intercepts-celery",
    "152-markdown-quote-paperless",
    "153-github-actions-compose",
    "154-cat-n",
    "155-selinon-level-before-logger",
    "156-rq-output-like-a-start",
    "157-compose-result-over-lines",
    "158-rq26-abandoned-after-ok",
    "160-glued-by-two-writers",
    "161-procfile-stderr-names",
    "162-docker-desktop-copied",
    "163-celery-doubled-other-level",
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.xfail(strict=True)] if name in UNREAD else []) for name in CASES],
)
def test_a_log_is_read_as_a_person_reads_it(name, tmp_path):
    judgement = judge_case(name, tmp_path)

    assert judgement.passes, judgement


def test_no_case_that_is_gone_is_listed():
    assert set(CASES) >= UNREAD


def test_every_log_has_what_is_expected_of_it():
    assert sorted(path.name.removesuffix(".expected.json") for path in WILD.glob("*.json")) == CASES
