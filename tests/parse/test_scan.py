"""Many logs at once: the same runs as one by one, whatever the pieces."""

import csv
import gzip
import random
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from places import GOLDEN
from slowtask.parse import cuts
from slowtask.parse import scan as scanning
from slowtask.parse.events import events
from slowtask.parse.items import Reason, Tally, Unparsable
from slowtask.parse.revoked import MAX_REMEMBERED_TASKS
from slowtask.parse.rows import COLUMNS
from slowtask.parse.scan import scan
from slowtask.parse.sources import Source
from slowtask.record.event import Run, fields, microseconds

LOGS = sorted(GOLDEN.glob("*.log"))
DAY = date(2026, 11, 23)
JOB = "2aab4a44-c695-4817-9851-78ade4339869"
RUN = Run(
    timestamp=datetime(2026, 11, 23, 18, 47, 58, 145554, UTC),
    id="a1",
    dataset="slowtask.run",
    duration=237_846_000,
    wait=5,
    outcome="success",
    task='jobs.compute, "twice"',
    queue="high\nlow",
)
LINE = msgspec.json.encode(fields(RUN)).decode() + "\n"


def source(path):
    return Source(path=path, kind="lines")


def row(run):
    """The run as a row of CSV, column by column."""
    values = {column: getattr(run, column) for column in COLUMNS} | {
        "timestamp": microseconds(run.timestamp),
        "labels": run.labels and msgspec.json.encode(run.labels).decode(),
    }
    return ["" if value is None else str(value) for value in values.values()]


def one_by_one(path, **options):
    """The rows and the refused lines that `events` makes."""
    items = list(events(source(path), **options))
    bad = [each for each in items if isinstance(each, Unparsable)]
    return sorted(row(each) for each in items if isinstance(each, Run)), sorted(
        bad, key=lambda each: each.line
    )


def rows(tally):
    """The rows in the files of a scan."""
    found = []
    for path in tally.files:
        with path.open(newline="") as file:
            header, *lines = csv.reader(file)
            assert tuple(header) == COLUMNS
            found += lines
    return sorted(found)


@pytest.fixture
def scanned(tmp_path):
    """The rows and the refused lines that `scan` makes of files."""

    def scanned(*paths, **options):
        folder = tmp_path / "out"
        folder.mkdir(exist_ok=True)
        options = {"date": DAY, "processes": 1} | options
        tally = scan([source(path) for path in paths], folder, **options)
        return rows(tally), tally

    return scanned


@pytest.fixture
def cut(monkeypatch):
    """Makes a scan cut its file at given offsets."""

    def cut(*at):
        monkeypatch.setattr(scanning, "_find_cuts", lambda _: [0, *at])

    return cut


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_scan_of_a_golden_log_gives_the_events_one_by_one(log, scanned):
    found, tally = scanned(log)
    expected, bad = one_by_one(log, date=DAY)

    assert found == expected
    assert tally.bad == [(str(log), each) for each in bad]
    assert tally.events == len(expected)


def places(log):
    """The offsets at which a piece of *log* may begin."""
    content = log.read_bytes()
    heads = (found for found in cuts.HEAD.finditer(content))
    return [each.end() for each in heads if not cuts.AMENDMENT.search(content[each.end() :].split(b"\n")[0])]


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.stem)
def test_a_golden_log_cut_at_any_place_gives_the_same(log, scanned, cut):
    expected, bad = one_by_one(log, date=DAY)
    for at in places(log):
        cut(at)
        found, tally = scanned(log)

        assert (at, found) == (at, expected)
        assert [each for _, each in tally.bad] == bad


def test_a_terminated_task_received_in_an_earlier_piece_has_its_name(scanned, cut, tmp_path):
    """And only where one reader would still know it."""
    head = "[2026-11-23 18:48:35,713: INFO/MainProcess]"
    received, terminating = f"{head} Task tasks.a[{JOB}] received\n", f"{head} Terminating {JOB} (15)\n"
    log = tmp_path / "a.log"
    for others in (0, MAX_REMEMBERED_TASKS - 1, MAX_REMEMBERED_TASKS):
        before = received + f"{head} Task tasks.b[x] received\n" * others
        log.write_text(before + terminating)
        cut(len(before))
        found, tally = scanned(log)

        assert len(found) == (others < MAX_REMEMBERED_TASKS)
        assert (found, [each for _, each in tally.bad]) == one_by_one(log)


HORSE = "(Work-horse terminated unexpectedly; waitpid returned 9 (signal 9); )"
TRACEBACK = ["Traceback (most recent call last):", '  File "x"', "ValueError: y", ""]
OTHERS = [
    ["Time: 2021-01-13 10:03:59,202 Task: jobs.text Task-time: 0.5"],
    ["[2026-11-23 18:48:35,822: INFO/ForkPoolWorker-1] Task jobs.c[x] succeeded in 0.25s: 'x'"],
    [LINE.strip(), "not a log line", LINE[:70]],
]


def ends(dice, clock, worker, job, call):
    """The lines that some kind of end of *job* makes."""
    head, name = (f"Worker {worker}: ", f"Worker {worker}: job {job}") if worker else ("", f"[Job {job}]")
    took = f"0:00:01.{dice.randrange(10**6):06}s"
    done = f"{clock} Successfully completed {call} job in {took} on worker {worker}w"
    okay = f"{clock} {head}default: Job OK ({job})"
    raised = [f"{clock} {name}: exception raised while executing (jobs.r)", *TRACEBACK]
    killed = f"{name} failed" if worker else "Moving job to FailedJobRegistry"
    kinds = [
        *([done.removesuffix("w"), okay], [done, okay], [okay], raised),
        [*raised, f"{clock} Job {job}: enqueued for retry, 1 remaining"],
        [f"{clock} {killed} {HORSE}"],
        [],
    ]
    return dice.choice(kinds)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A log of all formats and several workers, cut at its beginning, over some midnights."""
    dice = random.Random(7)
    lines, running, now = [], {}, 22 * 3600
    for number in range(500):
        now += dice.choice([0, 0, 1, 1, 7, 700])
        clock = f"{now // 3600 % 24:02}:{now // 60 % 60:02}:{now % 60:02}"
        worker = dice.choice(["w1", "w2", "w3", ""])
        if worker in running:
            lines += ends(dice, clock, worker, *running.pop(worker))
        elif dice.random() < 0.6:
            running[worker] = f"j{number}", dice.choice(["jobs.a(x=1)", "jobs.b()", "Say (so)"])
            job, call = running[worker]
            lines.append(f"{clock} {f'Worker {worker}: ' if worker else ''}default: {call} ({job})")
        else:
            lines += dice.choice(OTHERS)
    path = tmp_path_factory.mktemp("mixed") / "mixed.log"
    path.write_text("\n".join(lines[3:]) + "\n")
    return path


@pytest.mark.slow
def test_a_mixed_log_cut_at_any_place_gives_the_same(mixed, scanned, cut):
    expected, bad = one_by_one(mixed, date=DAY)
    assert len(expected) > 100
    assert {each.reason for each in bad} >= {Reason.TORN, Reason.NAMELESS}

    for at in places(mixed):
        cut(at)
        found, tally = scanned(mixed)

        assert (at, found) == (at, expected)
        assert [each.line for _, each in tally.bad] == [each.line for each in bad][: scanning.MAX_EXAMPLES]


def test_a_mixed_log_in_many_pieces_gives_the_same(mixed, scanned, cut):
    expected, _ = one_by_one(mixed, date=DAY)
    for step in (2, 3, 7, 50):
        cut(*places(mixed)[::step])

        assert scanned(mixed)[0] == expected


def test_the_dates_of_pieces_come_from_the_files_time_as_those_of_the_whole_do(mixed, scanned, cut):
    zone = ZoneInfo("America/St_Johns")
    cut(*places(mixed)[::9])

    assert scanned(mixed, date=None, timezone=zone)[0] == one_by_one(mixed, timezone=zone)[0]


def test_a_big_file_is_cut_at_heads_of_lines_and_read_by_processes(mixed, scanned, monkeypatch):
    monkeypatch.setattr(scanning, "PIECE_SIZE", 2000)
    monkeypatch.setattr(scanning, "MIN_PARALLEL_SIZE", 0)
    pieces = scanning._find_cuts(source(mixed))  # noqa: SLF001 - to see that there are some

    assert len(pieces) > 5
    assert set(pieces[1:]) <= set(places(mixed))
    assert scanned(mixed, processes=2)[0] == one_by_one(mixed, date=DAY)[0]


def test_a_compressed_file_is_read_whole(mixed, scanned, tmp_path, monkeypatch):
    monkeypatch.setattr(scanning, "PIECE_SIZE", 100)
    zipped = tmp_path / "mixed.log.gz"
    zipped.write_bytes(gzip.compress(mixed.read_bytes()))

    assert scanned(zipped)[0] == one_by_one(mixed, date=DAY)[0]


def test_several_files_are_counted_together(scanned):
    found, tally = scanned(*LOGS, processes=2)

    assert tally.lines == sum(len(log.read_bytes().splitlines()) for log in LOGS)
    assert len(found) == tally.events == sum(len(one_by_one(log, date=DAY)[0]) for log in LOGS)


def test_commas_quotes_and_line_ends_in_names_survive(scanned, tmp_path):
    (tmp_path / "a.log").write_text(LINE)

    assert scanned(tmp_path / "a.log")[0] == [row(RUN)]


def test_each_line_of_json_that_is_no_event_is_refused_for_its_reason(scanned, tmp_path):
    nested = (
        '{"@timestamp":"2026-11-23T18:47:58Z","task":{"name":"n"},'
        '"event":{"id":"b","dataset":"slowtask.run","outcome":"unknown"}}\n'
    )
    wrong = LINE.replace("237846000", '"long"')
    (tmp_path / "a.log").write_text(LINE + nested + LINE[:50] + LINE + wrong + '{"a":1}\n{"slowtask.a":1}\n')
    found, tally = scanned(tmp_path / "a.log")

    assert {each[5] for each in found} == {RUN.task, "n"}
    assert tally.events == 3
    assert tally.unparsable == {Reason.TORN: 1, Reason.FIELD: 1, Reason.FOREIGN: 1}


def test_only_the_first_refused_lines_are_kept_but_all_are_counted(scanned, tmp_path):
    (tmp_path / "a.log").write_text("Time: what\n" * (scanning.MAX_EXAMPLES + 5))
    _, tally = scanned(tmp_path / "a.log")

    assert tally.unparsable[Reason.MALFORMED] == scanning.MAX_EXAMPLES + 5
    assert [each.line for _, each in tally.bad] == list(range(1, scanning.MAX_EXAMPLES + 1))


def test_a_scan_of_nothing_is_nothing(tmp_path):
    assert scan([], tmp_path) == Tally()
