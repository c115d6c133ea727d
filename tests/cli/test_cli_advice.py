"""`slowtask whatif --advise`: what it prints, and how the monitor reads it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from logs import BEGIN, made, written
from slowtask.cli.advice import AdviceReader, make_advise, read_advice
from slowtask.cli.whatif import whatif
from slowtask.errors import SourceError, UsageError

SECOND = 10**9


def crowd(end, queue="mail"):
    """Two hundred mails of 3 s, one a second, on two workers; the last ends at *end*."""
    for number in range(200):
        start = number // 2 * 3.0
        wait = max(0.0, start - number)
        ended = end - timedelta(seconds=297 - start)
        names = {"worker": f"{number % 2}", "queue": queue, "id": f"{queue}-{number}"}
        yield made("shop.send_mail", 3.0, (ended - BEGIN).total_seconds(), wait=round(wait * SECOND), **names)


@pytest.fixture
def log(tmp_path):
    return written(tmp_path / "runs.ndjson", crowd(datetime.now(UTC)))


def run(*arguments):
    found = CliRunner().invoke(whatif, ["--advise", *map(str, arguments)], catch_exceptions=False)
    return " ".join(found.output.split())


def test_the_cheapest_change_that_helps_is_printed_as_a_sentence(log):
    words = run(log)

    assert words.startswith(
        "Add 2 workers to mail: p95 wait 1m 34s → 0 s (0 s to 0 s). (A replay of 200 runs"
    )
    assert words.endswith("in a queue that grows, waits are longer.")


def test_a_queue_that_keeps_up_needs_nothing(tmp_path):
    log = written(
        tmp_path / "runs.ndjson", [made("a", 1.0, number, wait=5, queue="q") for number in range(50)]
    )

    assert run(log) == "No queue was crowded: more workers would change nothing."
    assert json.loads(run(log, "--json")) == []


def test_json_has_the_figures_of_the_sentence(log):
    [mail] = json.loads(run(log, "--json"))

    assert list(mail) == ["queue", "sentence", "reliable", "workers", "wait_before", "wait_after"]
    assert (mail["queue"], mail["reliable"], mail["workers"]) == ("mail", True, 2)
    assert 85 < mail["wait_before"]["p95"] < 100
    assert mail["wait_after"]["low"] <= mail["wait_after"]["p95"] <= mail["wait_after"]["high"]


def test_the_monitor_reads_what_the_command_prints(log):
    assert AdviceReader([str(log)])() == read_advice([str(log)])
    assert AdviceReader([str(log)])()["mail"].workers == 2


def test_status_reads_the_log_when_it_first_needs_advice_and_only_then(log):
    advise = make_advise([str(log)])
    sentence = advise("mail")
    log.unlink()

    assert sentence.startswith("Add 2 workers to mail: ")
    assert (advise("mail"), advise("other")) == (sentence, None)


def test_what_cannot_be_relied_on_is_not_said(tmp_path):
    log = written(tmp_path / "runs.ndjson", list(crowd(datetime.now(UTC)))[-20:])

    assert not read_advice([str(log)])["mail"].reliable
    assert make_advise([str(log)])("mail") is None


def test_runs_of_more_than_an_hour_ago_give_no_advice(tmp_path):
    log = written(tmp_path / "runs.ndjson", crowd(datetime.now(UTC) - timedelta(hours=2)))

    assert read_advice([str(log)]) == {}
    with pytest.raises(SourceError, match="No run matches"):
        AdviceReader([str(log)])()


def test_a_missing_log_gives_no_advice(tmp_path):
    assert read_advice([str(tmp_path / "none.ndjson")]) == {}
    with pytest.raises(SourceError, match=r"none\.ndjson"):
        AdviceReader([str(tmp_path / "none.ndjson")])()


def test_advice_and_a_change_are_not_for_one_call(log):
    with pytest.raises(UsageError, match="--advise tries changes of its own"):
        run(log, "--workers", 3)


def test_a_number_of_workers_that_the_log_hides_can_be_given(log):
    assert run(log, "--workers-now", "mail:2") == run(log)
    assert run(log, "--workers-now", 1).startswith("No advice on workers for mail: the replay of its runs is")


def test_a_name_is_no_markup(tmp_path):
    log = written(tmp_path / "runs.ndjson", crowd(datetime.now(UTC), queue="[bold]"))

    assert "[bold]" in run(log)
