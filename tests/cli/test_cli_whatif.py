"""`slowtask whatif`: what it prints and refuses, and how near to the truth its replay of a real run is."""

import io
import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from rich.console import Console

import queues
from logs import made, written
from places import GOLDEN
from slowtask import cli
from slowtask.cli.show.replay import page
from slowtask.cli.whatif import JOB_BYTES, whatif
from slowtask.errors import SlowtaskError, SourceError, UsageError
from slowtask.parse.sources import resolve
from slowtask.rank.change import Change
from slowtask.rank.whatif import try_change
from slowtask.store import Query
from slowtask.store.files import Files

SECOND = 10**9


def crowd(workers=2, count=40, took=2.0, name="shop.jobs.send_mail", queue="default"):
    """Jobs that all came at BEGIN, worked off by *workers* without a pause between them."""
    return [
        made(
            name,
            took,
            number // workers * took + took,
            wait=round(number // workers * took * SECOND),
            queue=queue,
            worker=f"{queue}-{number % workers}",
            id=f"{queue}-{number}",
        )
        for number in range(count)
    ]


@pytest.fixture
def log(tmp_path):
    """40 mails of 2 s on two workers: they wait 0 to 38 s, 19 s at the median."""
    return written(tmp_path / "runs.ndjson", crowd())


@pytest.fixture
def two(tmp_path):
    """The same, and on a queue of their own with a worker of their own 20 pictures of 1 s."""
    pictures = crowd(1, 20, 1.0, "media.jobs.resize", "media")
    return written(tmp_path / "runs.ndjson", [*crowd(), *pictures])


def run(*arguments):
    """What `slowtask whatif` prints; its mistakes are raised."""
    return CliRunner().invoke(whatif, [str(each) for each in arguments], catch_exceptions=False).output


def found(*arguments):
    return json.loads(run(*arguments, "--json"))


def changed(*arguments):
    """The figures of all jobs with the change."""
    return found(*arguments)["all"]["changed"]


def test_a_replay_with_nothing_changed_finds_what_happened(two):
    whole = found(two)["all"]

    assert whole["replayed"] == whole["really"]
    assert (whole["really"]["p50"], whole["really"]["longest"], whole["changed"]) == (14.0, 38.0, None)


def test_a_change_to_what_there_is_changes_nothing(two):
    same = "--workers", "default:2", "--faster", "resize:1", "--arrivals", 1
    whole = found(two, *same)["all"]

    assert whole["changed"] == whole["replayed"]


def test_twice_the_workers_halve_the_waits(log):
    assert changed(log, "--workers", 4)["longest"] == 18.0


def test_a_task_in_half_the_time_halves_the_waits(log):
    assert changed(log, "--faster", "send_mail:0.5")["longest"] == 19.0


def test_jobs_that_come_twice_as_fast_come_in_half_the_time(tmp_path):
    """One job a second, each of a second, for one worker: it keeps up; twice as fast it doesn't."""
    runs = [made("a", 1.0, number + 1, wait=0, worker="one", queue="q") for number in range(30)]
    log = written(tmp_path / "runs.ndjson", runs)

    assert changed(log, "--arrivals", 2)["longest"] == 14.5


def test_a_queue_of_its_own_gets_workers_more_and_leaves_the_others_theirs(two):
    outcome = found(two, "--own-queue", "resize:4")

    assert [each["changed"] - each["seen"] for each in outcome["workers"]] == [0, 0, 4]
    assert outcome["queues"]["resize (its own)"]["changed"]["longest"] == 4.0
    assert outcome["queues"]["resize (its own)"]["really"]["longest"] == 19.0
    assert list(outcome["queues"]) == ["default", "resize (its own)"]


def test_changes_combine(two):
    """Mails of 1 s on five workers: eight rounds."""
    assert changed(two, "--workers", "default:5", "--faster", "send_mail:0.5")["longest"] == 19.0
    assert changed(two, "--workers", "default:5", "--workers", "media:4")["longest"] == 14.0


def test_how_many_workers_there_were_can_be_told(log):
    outcome = found(log, "--workers-now", 4)

    assert [each["seen"] for each in outcome["workers"]] == [4]
    assert outcome["all"]["replayed"]["longest"] == 18.0
    assert " off what really happened." in run(log, "--workers-now", 4)
    assert " off what really happened." not in run(log)


def test_memory_is_the_depth_in_bytes_of_jobs(log):
    whole = found(log, "--job-bytes", 1000)["all"]["really"]

    assert (whole["depth"], whole["memory"]) == (38, 38_000)
    assert JOB_BYTES == 575


def test_each_attempt_is_an_arrival(tmp_path):
    runs = [made("a", 1.0, 1, wait=0, attempt=1, id="1"), made("a", 1.0, 9, wait=0, attempt=2, id="2")]

    assert found(written(tmp_path / "runs.ndjson", runs))["runs"] == 2


def test_runs_that_do_not_tell_their_wait_are_counted(tmp_path):
    log = written(tmp_path / "runs.ndjson", [*crowd(), made("a"), made("b", None, wait=5)])

    assert found(log)["left_out"] == 2
    assert "2 runs left out: the log has no wait or no run time for them." in run(log)


def test_the_sentence_names_the_workers_and_the_waits(log):
    words = " ".join(run(log, "--workers", 4).split())

    assert "With 4 workers instead of 2, one job in twenty would have waited longer than" in words
    assert "Workers on default: 2 → 4." in words


def test_stdin_and_parquet_tell_the_same(log):
    """Stdin goes through the parser, Parquet is read as it is."""
    expected = run(log, "--json")
    with log.open() as lines:
        piped = subprocess.run(
            [sys.executable, "-m", "slowtask", "whatif", "-", "--json"],
            stdin=lines, capture_output=True, text=True, check=True,
        )  # fmt: skip
    subprocess.run([sys.executable, "-m", "slowtask", "pack", "--live", log], check=True, capture_output=True)

    assert piped.stdout == expected
    assert run(f"{log}.parquet", "--json") == expected


@pytest.mark.parametrize("width", [80, 120])
def test_the_tables_fit_the_terminal(two, width):
    columns = Files(resolve([str(two)])).columns(Query())
    console = Console(width=width, file=io.StringIO(), highlight=False)
    outcome = try_change(columns, Change(workers={"media": 3}, own={"send_mail": 9}))
    console.print(page(outcome, columns, JOB_BYTES, 0.5))
    lines = console.file.getvalue().splitlines()

    assert "CHANGED" in lines[2]
    assert all(len(line) <= width for line in lines)
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["--workers", "4"], UsageError, "has 2 groups of workers: default:2, media:1. Name the group"),
        (["--workers", "none:4"], UsageError, "No worker of the log serves a queue 'none'. The groups"),
        (
            ["--faster", "send_mial:2"],
            UsageError,
            "The log has no task 'send_mial' that can be replayed. It has",
        ),
        (["--own-queue", "resize:1", "--own-queue", "resize:2"], UsageError, "--own-queue gives two numbers"),
        (["--since", "1s"], SourceError, "No run matches --since and --until"),
    ],
)
def test_what_cannot_be_meant_is_told(two, arguments, error, words):
    with pytest.raises(error, match=words):
        run(two, *arguments)


def test_a_name_that_two_tasks_end_in_is_refused_with_both(tmp_path):
    log = written(tmp_path / "runs.ndjson", [*crowd(name="a.send"), *crowd(name="b.send", queue="other")])

    with pytest.raises(
        UsageError, match=r"'send' is the end of 2 tasks: a\.send, b\.send\. Name one in full"
    ):
        run(log, "--faster", "send:0.5")
    assert found(log, "--faster", "a.send:0.5")["queues"]["default"]["changed"]["longest"] == 19.0


@pytest.mark.parametrize("value", ["x", "0", "-1", "mail:", ":0", "mail:1.5"])
def test_a_number_of_workers_is_a_whole_one(log, value):
    done = subprocess.run(
        [sys.executable, "-m", "slowtask", "whatif", log, f"--workers={value}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "isn't written like 8 or mail:8" in done.stderr


def test_a_stock_log_cannot_be_replayed():
    with pytest.raises(SourceError, match="None of the 17 runs has a wait and a run time"):
        run(GOLDEN / "rq-3.0.0-worker.log")


def test_an_empty_log_is_told(tmp_path):
    (tmp_path / "empty.log").touch()

    with pytest.raises(SlowtaskError, match="The logs hold no runs"):
        run(tmp_path / "empty.log")


def test_the_command_is_one_of_slowtasks():
    assert cli.COMMANDS["whatif"] == "Replay a log with a change, such as more workers."


# The truth


def undisturbed(run, *folders):
    """The log of a run in one of *folders*: the first that is replayed well, or else the last.

    On a busy machine a worker may stand still at any time, which no replay knows of.
    """
    for folder in folders:
        folder.mkdir()
        log = run(folder)
        outcome = found(log)
        if is_close(outcome["all"]) and all(
            is_close(row) for queue, row in outcome["queues"].items() if queue != "high"
        ):
            break
    return log


def is_close(row):
    return all(
        row["replayed"][name] == pytest.approx(row["really"][name], rel=0.1) for name in ("p50", "p95")
    )


@pytest.fixture(scope="module")
def real(tmp_path_factory, redis_server):
    """The log of a real run."""
    from redis import Redis

    folder = tmp_path_factory.mktemp("whatif")
    with Redis.from_url(redis_server) as redis:
        redis.flushall()
        return undisturbed(
            lambda folder: queues.run(folder, redis, redis_server), *(folder / name for name in "abc")
        )


@pytest.mark.redis
@pytest.mark.xdist_group("a real run")
def test_the_replay_of_a_real_run_comes_within_a_tenth_of_its_waits(real):
    """Bursts on two queues: waits of seconds."""
    outcome = found(real)

    assert outcome["all"]["really"]["p95"] > 2
    for row in (outcome["all"], outcome["queues"]["low"]):
        assert row["replayed"]["p50"] == pytest.approx(row["really"]["p50"], rel=0.1)
        assert row["replayed"]["p95"] == pytest.approx(row["really"]["p95"], rel=0.1)


@pytest.mark.redis
@pytest.mark.xdist_group("a real run")
def test_workers_and_their_order_are_seen_in_a_real_run(real):
    [pool] = found(real)["workers"]

    assert pool == {
        "queues": ["high", "low"],
        "ordered": True,
        "seen": queues.WORKERS,
        "changed": queues.WORKERS,
    }


@pytest.mark.redis
def test_the_replay_of_a_real_celery_run_comes_within_a_tenth_of_its_waits(tmp_path, redis, redis_server):
    """One worker's name, and as many at once as its pool has processes."""
    log = undisturbed(
        lambda folder: queues.run_celery(folder, redis_server), *(tmp_path / name for name in "abc")
    )
    outcome = found(log)
    row = outcome["all"]

    assert [pool["seen"] for pool in outcome["workers"]] == [queues.WORKERS]
    assert row["really"]["p95"] > 2
    assert row["replayed"]["p50"] == pytest.approx(row["really"]["p50"], rel=0.1)
    assert row["replayed"]["p95"] == pytest.approx(row["really"]["p95"], rel=0.1)
