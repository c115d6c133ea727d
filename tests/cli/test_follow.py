"""The log of runs is followed: its tail first, then what is appended, however the log is rotated."""

from datetime import timedelta

import pytest

from logs import line, made, written
from slowtask.cli import follow
from slowtask.cli.follow import ElasticFollower, FileFollower
from slowtask.errors import SourceError
from slowtask.watch.history import History

pytestmark = pytest.mark.usefixtures("no_pause")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.ndjson"


class Followed:
    """What a follower of *sources* has read."""

    def __init__(self, *sources):
        self.history = History()
        self.follower = FileFollower([str(each) for each in sources])

    def numbers(self):
        """The seconds at which the runs that are known by now ended."""
        self.follower(self.history)
        return [run.end - follow_begin() for run in self.history.runs()]


def follow_begin():
    return made().timestamp.timestamp()


def append(path, *runs, end=b"\n"):
    with path.open("ab") as file:
        file.write(b"\n".join(map(line, runs)) + end)


def test_runs_of_the_tail_come_first_and_those_that_are_appended_next(path):
    written(path, [made(number=1), made(number=2)])
    followed = Followed(path)
    first = followed.numbers()
    append(path, made(number=3))

    assert (first, followed.numbers()) == ([1, 2], [1, 2, 3])


def test_a_line_that_is_written_in_two_pieces_is_read_once_it_is_complete(path):
    written(path, [made(number=1)])
    followed = Followed(path)
    followed.numbers()
    text = line(made(number=2)) + b"\n"
    with path.open("ab", buffering=0) as file:
        file.write(text[:50])
        half = followed.numbers()
        file.write(text[50:])

    assert (half, followed.numbers()) == ([1], [1, 2])


def test_of_a_long_log_only_the_tail_is_read(path, monkeypatch):
    monkeypatch.setattr(follow, "TAIL", 1000)
    written(path, [made(number=number) for number in range(100)])

    numbers = Followed(path).numbers()

    assert 2 <= len(numbers) <= 5
    assert numbers[-1] == 99


def test_a_log_that_is_renamed_is_read_to_its_end_and_then_its_successor(path):
    written(path, [made(number=1)])
    followed = Followed(path)
    followed.numbers()
    append(path, made(number=2))
    path.rename(path.with_name("runs.ndjson.1"))
    written(path, [made(number=3)])
    append(path.with_name("runs.ndjson.1"), made(number=4))

    assert followed.numbers() == [1, 2, 3, 4]


def test_a_log_that_is_copied_and_truncated_is_read_once(tmp_path, path):
    written(path, [made(number=1), made(number=2)])
    followed = Followed(tmp_path)
    followed.numbers()
    (tmp_path / "runs.ndjson.1").write_bytes(path.read_bytes())
    written(path, [made(number=3)])

    assert followed.numbers() == [1, 2, 3]


def test_logs_that_appear_in_a_folder_are_followed(tmp_path, path):
    written(path, [made(number=1)])
    followed = Followed(tmp_path)
    followed.numbers()
    written(tmp_path / "other.ndjson", [made(number=2)])

    assert followed.numbers() == [1, 2]


def test_a_log_that_grows_faster_than_it_can_be_read_is_skipped_and_that_is_said(path, monkeypatch, caplog):
    monkeypatch.setattr(follow, "TAIL", 1000)
    monkeypatch.setattr(follow, "MAX_BEHIND", 10_000)
    written(path, [made(number=1)])
    followed = Followed(path)
    followed.numbers()
    append(path, *(made(number=number) for number in range(2, 100)))
    numbers = followed.numbers()

    assert numbers[0] == 1
    assert numbers[1] > 90
    assert followed.history.skipped > 10_000
    assert "they grow too fast" in caplog.text


def test_stock_logs_are_followed_too(path):
    log = path.with_name("worker.log")
    stock = (
        "[2026-11-23 18:47:58,145: INFO/ForkPoolWorker-1] "
        "Task shop.mail[3d3ca2d3-0b5f-4f3f-8b5f-0f3f8b5f0f3f] succeeded in {}s: None\n"
    )
    log.write_text(stock.format(1.5))
    followed = Followed(log)
    followed.numbers()
    with log.open("a") as file:
        file.write(stock.replace("18:47:58", "18:47:59").format(2.5))
    followed.numbers()

    assert [(run.task, run.took) for run in followed.history.runs()] == [
        ("shop.mail", 1.5),
        ("shop.mail", 2.5),
    ]


def test_no_log_is_no_run_and_no_error(path):
    assert Followed(path).numbers() == []


class Server:
    """Has runs, each from a given moment on, and answers as Elasticsearch does."""

    def __init__(self, *runs):
        self.runs, self.asked = list(runs), []

    def recent(self, since, limit):
        self.asked.append(since)
        return [run for run in self.runs if since is None or run.timestamp >= since][:limit]


def test_an_elasticsearch_is_asked_for_what_is_newer_and_a_late_run_counts_once():
    server, history = Server(made(number=1), made(number=200)), History()
    follower = ElasticFollower(server)
    follower.ask(history)
    server.runs += [made(number=150), made(number=300)]
    follower.ask(history)

    assert server.asked == [None, made(number=200).timestamp - timedelta(minutes=2)]
    assert [run.end - follow_begin() for run in history.runs()] == [1, 150, 200, 300]


class Restarting(Server):
    """Doesn't answer at first."""

    def recent(self, since, limit):
        if not self.asked:
            self.asked.append(since)
            raise SourceError("no answer.")
        return super().recent(since, limit)


def test_an_elasticsearch_that_does_not_answer_is_asked_again():
    server, history = Restarting(made(number=1)), History()
    follower = ElasticFollower(server)
    follower.ask(history)
    before = history.runs()
    follower.ask(history)

    assert (before, len(history.runs())) == ([], 1)


def test_the_labels_of_runs_tell_which_tenant_fills_the_workers(path):
    runs = [
        made(number=number, labels={"tenant": "bell" if number % 8 else "acme"}, queue="mail", system="rq")
        for number in range(600)
    ]
    flood = [
        made(f"jobs.t{number}", number=590, labels={"tenant": "acme"}, queue="mail", system="rq")
        for number in range(200)
    ]
    written(path, [*runs, *flood])
    followed = Followed(path)
    followed.numbers()

    blame = followed.history.blame("rq", "mail", follow_begin() + 600, ())
    assert (blame.label, blame.value) == ("tenant", "acme")
    assert blame.usual == pytest.approx(1 / 8, abs=0.02)


def test_a_log_that_is_truncated_may_have_lost_runs(path):
    written(path, [made(number=1), made(number=2)])
    followed = Followed(path)
    followed.numbers()
    written(path, [made(number=3)])
    followed.numbers()

    assert followed.history.gaps == {"truncated": 1}


def test_a_log_that_is_removed_before_it_was_read_to_its_end_is_a_gap(path):
    written(path, [made(number=1)])
    followed = Followed(path)
    followed.numbers()
    append(path, made(number=2))
    size = len(line(made(number=2))) + 1
    path.unlink()
    for _ in range(follow.MAX_MISSED + 1):
        followed.follower(followed.history, seconds=-10.0)  # no time to read

    assert (followed.history.gaps, followed.history.skipped) == ({"removed": 1}, size)


def test_a_log_that_comes_later_and_is_longer_than_its_tail_is_a_gap(tmp_path, path, monkeypatch):
    monkeypatch.setattr(follow, "TAIL", 1000)
    written(path, [made(number=number) for number in range(100)])
    followed = Followed(tmp_path)
    followed.numbers()
    before = dict(followed.history.gaps)
    written(tmp_path / "other.ndjson", [made("jobs.other", number=number) for number in range(100)])
    followed.numbers()

    assert (before, followed.history.gaps) == ({}, {"too-fast": 1})


def test_a_line_that_may_be_a_run_but_can_not_be_read_is_a_gap(path):
    written(path, [made(number=1)], b'{"@timestamp": "2026-11-24T10:00:00Z", "task.name": "jo')
    followed = Followed(path)
    followed.numbers()

    assert followed.history.gaps == {"unreadable": 1}


def test_an_elasticsearch_that_has_more_runs_than_it_answers_is_a_gap(monkeypatch):
    monkeypatch.setattr(follow, "MAX_HITS", 2)
    server, history = Server(made(number=1)), History()
    follower = ElasticFollower(server)
    follower.ask(history)
    server.runs += [made(number=number) for number in range(2, 9)]
    follower.ask(history)

    assert history.gaps == {"too-many": 1}


def test_a_run_brings_its_cpu_time(path):
    written(path, [made(number=1, cpu=250_000_000)])
    runs = []
    FileFollower([str(path)])(History(on_run=runs.append))

    assert [run.cpu for run in runs] == [0.25]
