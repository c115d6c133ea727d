"""Each run of a log is read once, and over restarts too, however the log is rotated."""

import os
import shutil
from collections import Counter

import pytest

from logs import line, made, written
from slowtask.errors import SlowtaskError, UsageError
from slowtask.otel import followed
from slowtask.otel.follow import Follower
from slowtask.otel.place import PlaceFile
from slowtask.parse.items import Unparsable

FAILED = (
    "[2026-11-23 18:47:58,145: ERROR/ForkPoolWorker-1] "
    "Task shop.mail[3d3ca2d3-0b5f-4f3f-8b5f-0f3f8b5f0f3f] raised unexpected: ValueError('no')\n"
)
STARTED = "18:47:58 default: jobs.mail(7) (4ebf9df2-1da0-432e-899b-0da7ee634521)\n"
DONE = "18:48:01 default: Job OK (4ebf9df2-1da0-432e-899b-0da7ee634521)\n"


pytestmark = pytest.mark.usefixtures("no_pause")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.ndjson"


class Reading:
    """What one process after another reads of *sources*."""

    def __init__(self, *sources, **options):
        self.sources, self.options = [str(each) for each in sources], options
        self.seen = Counter()
        self.runs = []
        self.bad = []
        self.follower = Follower(self.sources, **options)

    def read(self):
        """Read all there is; the numbers of the runs that are known by now, in order."""
        self.take(self.follower.read())
        while self.follower.unread:
            self.take(self.follower.read())
        return self.numbers()

    def take(self, found):
        for each in found:
            (self.bad if isinstance(each, Unparsable) else self.runs).append(each)

    def numbers(self):
        return [int(run.task.removeprefix("t")) for run in self.runs]

    def crash(self):
        """Go on with another process, from the places as they are."""
        places = self.follower.places()
        self.follower.close()
        self.follower = Follower(self.sources, places)

    def restart(self):
        """Stop as it should be, and go on with another process."""
        self.take(self.follower.finish())
        self.crash()


def run(number):
    return made(f"t{number}", number=number, queue="default", host="worker-1.example.org")


def append(path, *numbers):
    with path.open("ab") as file:
        file.write(b"".join(line(run(number)) + b"\n" for number in numbers))


def test_a_log_is_read_from_its_begin_and_then_what_is_appended(path):
    append(path, 1, 2)
    reading = Reading(path)
    first = reading.read()
    append(path, 3)

    assert (first, reading.read()) == ([1, 2], [1, 2, 3])


def test_a_restart_goes_on_where_it_was(path):
    append(path, 1, 2)
    reading = Reading(path)
    reading.read()
    append(path, 3)
    reading.restart()

    assert reading.read() == [1, 2, 3]


def test_a_line_that_is_written_in_two_pieces_is_read_once_also_over_a_restart(path):
    append(path, 1)
    reading = Reading(path)
    text = line(run(2)) + b"\n"
    with path.open("ab", buffering=0) as file:
        file.write(text[:80])
        half = reading.read()
        reading.restart()
        reading.read()
        file.write(text[80:])

    assert (half, reading.read()) == ([1], [1, 2])


def test_a_log_that_is_renamed_is_read_to_its_end_and_then_its_successor(tmp_path, path):
    append(path, 1)
    reading = Reading(tmp_path)
    reading.read()
    path.rename(tmp_path / "runs.ndjson.1")
    append(tmp_path / "runs.ndjson.1", 2)
    append(path, 3)

    assert sorted(reading.read()) == [1, 2, 3]


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_a_log_that_is_renamed_between_two_processes_is_read_once(tmp_path, path, how):
    append(path, 1)
    reading = Reading(tmp_path)
    reading.read()
    append(path, 2)
    path.rename(tmp_path / "runs.ndjson.1")
    append(path, 3)
    getattr(reading, how)()

    assert sorted(reading.read()) == [1, 2, 3]


def test_a_log_that_is_deleted_while_it_is_open_is_read_to_its_end(tmp_path, path):
    append(path, 1)
    reading = Reading(path)
    reading.read()
    append(path, 2)
    path.unlink()
    append(path, 3)

    assert sorted(reading.read()) == [1, 2, 3]


@pytest.mark.parametrize("restart", [False, True])
def test_a_log_that_is_copied_and_truncated_is_read_once(tmp_path, path, restart):
    append(path, 1, 2)
    reading = Reading(tmp_path)
    reading.read()
    append(path, 3)  # after the last reading, and before the copy: only the copy has it
    shutil.copy(path, tmp_path / "runs.ndjson.1")
    path.write_bytes(b"")
    append(path, 4)
    if restart:
        reading.restart()

    reading.read()
    assert sorted(reading.read()) == [1, 2, 3, 4]


def test_a_copy_beside_its_original_is_not_read(tmp_path, path):
    append(path, 1, 2)
    shutil.copy(path, tmp_path / "a-copy.ndjson")
    append(path, 3)
    reading = Reading(tmp_path)
    first = reading.read()
    reading.restart()
    append(path, 4)

    assert (first, reading.read()) == ([1, 2, 3], [1, 2, 3, 4])


def test_a_log_that_is_written_anew_and_longer_is_read_anew(path):
    append(path, 1)
    reading = Reading(path)
    reading.read()
    written(path, [run(number) for number in range(2, 9)])

    reading.read()
    assert reading.read() == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_log_whose_end_was_cut_off_goes_on_at_its_new_end(path):
    append(path, *range(1, 9))
    reading = Reading(path)
    reading.read()
    os.truncate(path, path.read_bytes().rindex(b"\n", 0, -1) + 1)
    reading.read()
    append(path, 9)

    reading.read()
    assert reading.read() == [*range(1, 10)]


def test_a_packed_log_is_left_out_since_it_was_followed_before(tmp_path, path):
    import gzip

    append(path, 1)
    (tmp_path / "runs.ndjson.1.gz").write_bytes(gzip.compress(line(run(0)) + b"\n"))

    assert Reading(tmp_path).read() == [1]


def test_what_is_there_at_first_can_be_left_out(tmp_path, path):
    append(path, 1, 2)
    reading = Reading(tmp_path, from_end=True)
    reading.read()
    append(path, 3)
    append(tmp_path / "other.ndjson", 4)

    assert sorted(reading.read()) == [3, 4]


@pytest.mark.parametrize("how", ["restart", "crash"])
def test_a_failure_whose_traceback_is_still_to_come_is_not_lost(tmp_path, how):
    log = tmp_path / "worker.log"
    log.write_text(FAILED)
    reading = Reading(log)
    reading.take(reading.follower.read())
    getattr(reading, how)()
    reading.take(reading.follower.read())
    reading.take(reading.follower.finish())

    assert [(each.task, each.outcome) for each in reading.runs] == [("shop.mail", "failure")]


def test_a_run_whose_start_was_read_before_a_restart_has_its_run_time(tmp_path):
    log = tmp_path / "worker.log"
    log.write_text(STARTED)
    reading = Reading(log)
    reading.take(reading.follower.read())
    reading.restart()
    with log.open("a") as file:
        file.write(DONE)
    reading.take(reading.follower.read())

    assert [(each.task, each.duration) for each in reading.runs] == [("jobs.mail", 3_000_000_000)]


def test_a_run_of_a_stock_log_has_the_same_id_over_a_restart(tmp_path, monkeypatch):
    monkeypatch.setattr(followed, "LOOK_BACK", 10)
    log = tmp_path / "worker.log"
    lines = [FAILED.replace("3d3ca2d3", f"3d3ca2d{number}") for number in range(3)]
    log.write_text("".join(lines))
    whole = Reading(log)
    whole.take(whole.follower.read())
    whole.take(whole.follower.finish())
    log.write_text(lines[0])
    parts = Reading(log)
    for each in lines[1:]:
        parts.take(parts.follower.read())
        parts.restart()
        with log.open("a") as file:
            file.write(each)
    parts.take(parts.follower.read())
    parts.take(parts.follower.finish())

    assert [each.id for each in parts.runs] == [each.id for each in whole.runs]


def test_lines_that_can_not_be_read_are_yielded(path):
    path.write_bytes(b'{"@timestamp":"2026-11-23T23:45:16.807030Z","event.id":"0567\n')
    append(path, 1)
    reading = Reading(path)

    assert reading.read() == [1]
    assert len(reading.bad) == 1


def test_no_log_is_no_run_and_no_error(path):
    assert Reading(path).read() == []


def test_places_are_kept_in_a_file(tmp_path, path):
    append(path, 1)
    reading = Reading(path)
    reading.read()
    places = PlaceFile(tmp_path / "position")
    places.save(reading.follower.places())
    places.close()

    again = PlaceFile(tmp_path / "position")
    assert again.load() == reading.follower.places()


def test_a_file_of_places_that_is_damaged_is_an_error_that_says_what_to_do(tmp_path):
    (tmp_path / "position").write_text("{")

    with pytest.raises(SlowtaskError, match="correct it, or delete it"):
        PlaceFile(tmp_path / "position").load()


def test_a_file_of_places_is_used_by_one_process_at_a_time(tmp_path):
    first = PlaceFile(tmp_path / "position")

    with pytest.raises(UsageError, match="in use by another"):
        PlaceFile(tmp_path / "position")
    first.close()


def test_a_file_of_places_that_can_not_be_written_is_told_before_anything_is_sent(tmp_path):
    with pytest.raises(UsageError, match="set --position"):
        PlaceFile(tmp_path / "no" / "position")
