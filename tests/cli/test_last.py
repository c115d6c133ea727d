"""The last whole day or week: which it is, what it is compared with, and where its report goes."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from logs import made, written
from slowtask.cli.last import find_period, require_alone
from slowtask.cli.report import report
from slowtask.cli.sides import Wanted, choose_sides
from slowtask.errors import SourceError, UsageError
from slowtask.store import Query

NOW = datetime(2026, 11, 26, 2, 30, tzinfo=UTC)  # a Thursday
BERLIN = ZoneInfo("Europe/Berlin")


def test_the_last_day_ended_at_midnight():
    day = find_period("day", NOW, UTC)

    assert (day.name, day.since, day.until) == ("2026-11-25", "2026-11-25T00:00Z", "2026-11-26T00:00Z")


def test_the_last_week_began_on_a_monday_and_ended_before_the_last_one():
    week = find_period("week", NOW, UTC)

    assert (week.name, week.since, week.until) == ("2026-W47", "2026-11-16T00:00Z", "2026-11-23T00:00Z")


def test_midnight_is_that_of_the_time_zone():
    day = find_period("day", NOW.replace(hour=23, minute=30), BERLIN)  # 00:30 on the 27th

    assert (day.name, day.since, day.until) == ("2026-11-26", "2026-11-25T23:00Z", "2026-11-26T23:00Z")


def test_a_day_on_which_the_clocks_change_is_whole_too():
    day = find_period("day", datetime(2026, 10, 26, 12, tzinfo=UTC), BERLIN)

    assert (day.since, day.until) == ("2026-10-24T22:00Z", "2026-10-25T23:00Z")


def test_it_is_compared_with_the_same_days_a_week_before():
    sides = choose_sides(find_period("day", NOW, UTC).wanted, Query())

    assert sides.names == ("2026-11-18 00:00 to 2026-11-19 00:00", "2026-11-25 00:00 to 2026-11-26 00:00")


def test_a_year_of_weeks_names_the_year_that_most_of_its_days_are_in():
    assert find_period("week", datetime(2027, 1, 4, 1, tzinfo=UTC), UTC).name == "2026-W53"


def test_the_file_has_the_name_of_the_period_in_this_folder_or_the_one_given(tmp_path):
    day = find_period("day", NOW, UTC)

    assert day.file(None) == "slowtask-2026-11-25.html"
    assert day.file(str(tmp_path)) == str(tmp_path / "slowtask-2026-11-25.html")
    assert day.file("-") == "-"
    assert day.file("yesterday.html") == "yesterday.html"


@pytest.mark.parametrize(
    "others",
    [
        {"wanted": Wanted(at="1h")},
        {"since": "1h"},
        {"until": "1h"},
    ],
)
def test_beside_another_choice_of_the_period_it_is_a_mistake(others):
    with pytest.raises(UsageError, match=r"--last is the period"):
        require_alone("day", **{"wanted": Wanted(), "since": None, "until": None, **others})


def logged(path, *days):
    """A log with runs at noon of each of *days* before today, a second longer with each day."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    runs = [
        made("jobs.send", 10 - day + n / 100, 100 * day + n, timestamp=noon - timedelta(days=day, seconds=n))
        for day in days
        for n in range(40)
    ]
    return written(path, runs)


def run(*arguments):
    return CliRunner().invoke(report, [*map(str, arguments)], catch_exceptions=False)


def test_a_report_on_yesterday_says_what_changed_since_that_day_of_the_week_before(tmp_path):
    log = logged(tmp_path / "runs.ndjson", 8, 2, 1)
    said = run(log, "--last", "day", "--out", tmp_path)
    yesterday = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    html = (tmp_path / f"slowtask-{yesterday}.html").read_text()

    assert said.output.startswith(f"{tmp_path}/slowtask-{yesterday}.html: 40 runs of 1 task, ")
    assert "jobs.send got slower" in html
    assert re.search(rf"{yesterday} 00:00 to ", html)


def test_without_runs_a_week_before_the_report_is_made_and_that_is_said(tmp_path):
    log = logged(tmp_path / "runs.ndjson", 1)
    said = run(log, "--last", "day", "--out", tmp_path / "yesterday.html")

    assert re.search(
        r"slowtask: \d{4}-\d\d-\d\d has no runs a week before to be compared with\.", said.stderr
    )
    assert "What changed" not in (tmp_path / "yesterday.html").read_text()


def test_a_day_without_runs_gets_no_report_and_that_is_said(tmp_path):
    log = logged(tmp_path / "runs.ndjson", 8)

    with pytest.raises(
        SourceError, match=r"^There are no runs of \d{4}-\d\d-\d\d, so no report was written\.$"
    ):
        run(log, "--last", "day", "--out", tmp_path)
