import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import PATIENCE
from rich.console import Console

from logs import line, made, written
from slowtask.cli.logs import Options, make_view
from slowtask.cli.runs import Reader
from slowtask.cli.show.ranking import View, page
from slowtask.cli.show.ranking_live import frame
from slowtask.cli.top import top
from slowtask.errors import SlowtaskError
from slowtask.parse.sources import resolve
from slowtask.rank.ranking import rank
from slowtask.store import BadLines, Measurement, Query
from slowtask.store.files import Files
from slowtask.units import printable

SAMPLE = b'{"@timestamp":"2026-11-06T09:00:00.000000Z","event.id":"0","event.dataset":"slowtask.queue"}'
KEYS = [
    "task", "count", "total", "share", "mean", "max", "p50", "p95", "p99", "failures", "failure_rate",
    "wait_p95", "killed", "memory", "cpu", "deviation", "spread",
]  # fmt: skip


@pytest.fixture
def log(tmp_path):
    """Three tasks: send_mail takes most, thumb is most frequent, lost has no times."""
    runs = [made("jobs.send_mail", 6, number) for number in range(2)]
    runs += [made("jobs.thumb", 2, number, outcome="failure") for number in range(4)]
    return str(written(tmp_path / "runs.ndjson", [*runs, made("jobs.lost", None)]))


def run(*arguments):
    """The result of `slowtask top`; its mistakes are raised."""
    return CliRunner().invoke(top, [str(each) for each in arguments], catch_exceptions=False)


def command(*arguments, **others):
    """`slowtask` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "slowtask", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **others,
    )


def test_the_sentence_under_the_table_names_the_worst_and_its_share(log):
    assert "\njobs.send_mail used 60 % of the worker time.\n" in run(log).output


def test_the_worst_stands_first(log):
    found = re.findall(r"jobs\.\w+", run(log).output)

    assert found[:3] == ["jobs.send_mail", "jobs.thumb", "jobs.lost"]


def test_json_has_exactly_its_keys_and_null_for_what_is_not_known(log):
    found = json.loads(run(log, "--json").output)

    assert [list(each) for each in found] == [KEYS] * 3
    assert found[2] == dict.fromkeys(KEYS) | {
        "task": "jobs.lost", "count": 1, "failures": 0, "failure_rate": 0.0, "killed": 0,
    }  # fmt: skip


def test_csv_has_the_same_columns_and_quotes_what_needs_it(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made('a,"b"\n', 2), made("lost", None)])
    found = list(csv.DictReader(io.StringIO(run(log, "--csv").output)))

    assert list(found[0]) == KEYS
    assert [(each["task"], each["mean"]) for each in found] == [(r'a,"b"\n', "2.0"), ("lost", "")]


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1+1", "-1", "@SUM(A1)", "\uff1d1+1", "\t=1", "\r=1"]
)
def test_a_name_in_csv_is_no_formula(tmp_path, name):
    [found] = csv.reader(
        io.StringIO(run(written(tmp_path / "a", [made(name, 1)]), "--csv").output.splitlines()[1])
    )

    assert found[0].startswith(("'", "\\"))
    assert found[0].removeprefix("'") == printable(name)


def test_a_name_in_csv_moves_no_cursor(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("a\x1b[2Jb\u202ec\x9bd", 1)])

    assert run(log, "--csv").output.splitlines()[1].startswith(r"a\x1b[2Jb\u202ec\x9bd,1,")


def test_by_changes_the_order(log):
    assert json.loads(run(log, "--json", "--by", "failures").output)[0]["task"] == "jobs.thumb"


def test_n_limits_the_table_and_adds_up_the_others(log):
    cut = run(log, "-n", 1).output

    assert re.search(r"^ 2 more tasks .* 40 % +5 +8\.0 s ", cut, re.MULTILINE)
    assert "-n 0 shows all 3 tasks." in cut
    assert "more task" not in run(log, "-n", 0).output


def test_shares_of_the_rows_add_up_to_all(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(f"jobs.{each}", 2 ** (each % 8)) for each in range(60)])
    shares = [float(each) for each in re.findall(r"([\d.]+) %  +\d", run(log).output)]

    assert len(shares) > 2
    assert sum(shares) == pytest.approx(100, abs=len(shares) / 2)


def test_another_program_gets_all_rows_unless_it_asks_for_fewer(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made(f"jobs.{each}", each + 1) for each in range(60)])

    assert len(json.loads(run(log, "--json").output)) == 60
    assert len(json.loads(run(log, "--json", "-n", 7).output)) == 7


def test_columns_are_those_that_are_asked_for_in_that_order(log):
    titles = run(log, "--columns", "p99,share,killed").output.split("\n\n")[1].splitlines()[0]

    assert titles.split() == ["TASK", "P99", "SHARE", "KILLED"]


def test_columns_without_room_are_named(log, monkeypatch):
    monkeypatch.setenv("COLUMNS", "32")
    shown = run(log, "--columns", "total,mean,p95,p99,max").output.replace("\n", " ")

    assert "No room for P99, MAX:" in shown


def test_an_unknown_column_is_a_mistake_that_lists_those_there_are(log):
    done = command("top", log, "--columns", "p95,speed")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no column 'speed': choose from share, runs, total" in done.stderr


def test_killed_and_memory_are_columns_where_something_is_known_of_them(log, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    killed = [made("jobs.big", 1, action="killed", outcome="failure", memory=2 * 10**9)]
    other = written(tmp_path / "killed.ndjson", killed)

    assert not {"KILLED", "MEMORY"} & set(run(log).output.split())
    assert {"KILLED", "MEMORY", "GB"} <= set(run(other).output.split())


@pytest.mark.parametrize("by", ["killed", "memory"])
def test_kills_and_memory_are_orders(tmp_path, by):
    runs = [made("jobs.long", 9), made("jobs.big", 1, action="killed", outcome="failure", memory=10**9)]
    found = json.loads(run(written(tmp_path / "runs.ndjson", runs), "--json", "--by", by).output)

    assert [(each["task"], each["killed"], each["memory"]) for each in found] == [
        ("jobs.big", 1, 10**9), ("jobs.long", 0, None),
    ]  # fmt: skip


def test_the_header_says_how_many_workers_were_busy(tmp_path):
    """Two workers, of which one has always work, and the other half of the time."""
    runs = [made("jobs.a", 1, number, worker="one") for number in range(100)]
    runs += [made("jobs.b", 1, number, worker="two") for number in range(0, 100, 2)]

    assert ", 1.5 of 2 workers busy, 1 file," in run(written(tmp_path / "runs.ndjson", runs)).output


@pytest.fixture
def tenants(tmp_path):
    """Runs of two tenants, and of none."""
    runs = [made("jobs.a", 6, 0, labels={"tenant": "acme"}, queue="mail")]
    runs += [made("jobs.b", 3, 0, labels={"tenant": "beta"}), made("jobs.c", 1, 0)]
    return written(tmp_path / "runs.ndjson", runs)


def test_groups_are_called_by_their_name(tenants):
    shown = run(tenants, "--group-by", "tenant").output

    assert shown.startswith("3 runs of 2 tenants,")
    assert re.findall(r"^ (TENANT|acme|beta|no tenant) ", shown, re.MULTILINE) == [
        "TENANT", "acme", "beta", "no tenant",
    ]  # fmt: skip
    assert "\ntenant acme used 60 % of the worker time.\n" in shown
    assert "task" not in shown


@pytest.mark.parametrize("name", ["tenant", "labels.tenant"])
def test_another_program_gets_the_groups_under_the_fields_full_name(tenants, name):
    found = json.loads(run(tenants, "--group-by", name, "--json").output)
    table = list(csv.DictReader(io.StringIO(run(tenants, "--group-by", name, "--csv").output)))

    assert [each["labels.tenant"] for each in found] == ["acme", "beta", None]
    assert [each["labels.tenant"] for each in table] == ["acme", "beta", ""]
    assert "task" not in found[0]


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("tennant", "No run has a value of 'tennant'. Did you mean tenant? The runs have: task, queue,"),
        ("host", "No run has a value of 'host'. The runs have: task, queue, outcome, tenant."),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_field_that_no_run_has_is_a_mistake_that_names_those_they_have(tenants, field, words, options):
    done = command("top", tenants, "--group-by", field, *options)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert words in done.stderr


def test_a_value_is_not_looked_for_in_a_field_that_no_run_has(tenants):
    done = command("top", tenants, "--where", "tennant=acme")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No run has a value of 'tennant'. Did you mean tenant?" in done.stderr
    assert "No run matches" in command("top", tenants, "--where", "tenant=nobody").stderr


def test_the_fields_that_are_named_are_those_of_the_chosen_runs(tenants):
    done = command("top", tenants, "--where", "task=jobs.c", "--group-by", "tenant")

    assert "No run has a value of 'tenant'. The runs have: task, outcome." in done.stderr


def test_grouped_by_task_is_the_ranking_of_tasks(tenants):
    assert run(tenants, "--group-by", "task", "--json").output == run(tenants, "--json").output


def test_lines_that_were_not_read_are_told_and_listed_on_demand(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made()], b"Time: x", b"nonsense", line(made())[:50])
    listed = run(log, "--bad")

    assert "2 lines may tell of runs and weren't read: --bad lists which, and why." in run(log).output
    assert re.findall(r"runs\.ndjson:(\d): \w+", listed.output) == ["2", "4"]
    assert "2 lines may tell of runs and weren't read.\n1 line of other programs: other 1.\n" in listed.output


def test_a_log_in_which_nothing_is_known_makes_a_ranking_incomplete(tmp_path):
    (tmp_path / "other.log").write_text("hello\n" * 9)
    log = written(tmp_path / "runs.ndjson", [made()])
    done = run(tmp_path / "other.log", log)

    assert "1 log has no line that is known: --bad lists which, and why." in done.output
    assert done.exit_code == 3
    assert "6 lines of other programs: other 6." in run(tmp_path / "other.log", log, "--bad").output


@pytest.mark.parametrize("options", [[], ["--json"], ["--csv"]])
def test_the_exit_status_says_whether_the_ranking_is_complete(tmp_path, options):
    whole = written(tmp_path / "whole.ndjson", [made()], b"nonsense")
    torn = written(tmp_path / "torn.ndjson", [made()], b"Time: x")

    assert run(whole, *options).exit_code == 0
    assert run(torn, *options).exit_code == 3


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_for_another_program_stderr_says_what_was_not_read(tmp_path, option):
    log = written(tmp_path / "torn.ndjson", [made()], b"Time: x")
    done = run(log, option)

    assert done.stderr == (
        "slowtask: 1 line may tell of a run and wasn't read: slowtask top --bad lists which, and why.\n"
    )
    assert "slowtask:" not in done.stdout


def test_a_date_that_was_guessed_is_told(tmp_path):
    log = tmp_path / "worker.log"
    job = "2aab4a44-c695-4817-9851-78ade4339869"
    log.write_text(f"18:47:58 default: jobs.compute() ({job})\n18:48:00 default: Job OK ({job})\n")
    os.utime(log, (1795459690, 1795459690))
    told = "worker.log without a full date begin on 2026-11-23, by the file's last change: --date sets it.\n"

    assert told in run(log, "--json").stderr
    assert told.replace(" ", "") in run(log).output.replace("\n", "").replace(" ", "") + "\n"
    assert "without a full date" not in run(log, "--date", "2026-11-23").output


def test_status_and_monitor_take_the_times_of_an_incomplete_ranking(tmp_path):
    log = written(tmp_path / "torn.ndjson", [made("jobs.thumb", 2)], b"Time: x")

    assert Reader([str(log)], since=None)()["jobs.thumb"].mean == 2


def test_logs_without_runs_are_advised_by_what_they_are(tmp_path):
    """A worker's own log isn't told to use slowtask."""
    stock, own = tmp_path / "stock.log", written(tmp_path / "own.ndjson", [], SAMPLE)
    stock.write_text("18:47:58 *** Listening on default...\n")

    assert "log at the level INFO" in command("top", stock).stderr
    assert "run with slowtask" in command("top", own).stderr
    assert Reader([str(stock)], since=None)() == Reader([str(own)], since=None)() == {}


def test_stdin_is_a_source(log):
    with Path(log).open() as lines:
        found = command("top", "-", "--json", stdin=lines)

    assert [each["count"] for each in json.loads(found.stdout)] == [2, 4, 1]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["nowhere.ndjson"], 1, "nowhere.ndjson can't be read"),
        (["{log}", "--since", "yesterdayish"], 2, "--since 'yesterdayish' is not a time: write"),
        (["{log}", "--since", "2026-11-07", "--until", "2026-11-06"], 2, "--since isn't before --until"),
        (["{log}", "--json", "--csv"], 2, "can't be combined"),
        (["{log}", "--watch"], 2, "--watch needs a terminal"),
        (["{log}", "--task", "nothing.*"], 1, "No task has such a name"),
        (["{log}", "--queue", "none"], 1, "No run matches"),
        (["{log}", "--columns", "p95", "--json"], 2, "--columns is for the table"),
        (["{log}", "--task", "a", "--group-by", "queue"], 2, "use --where task=NAME"),
        (
            ["{log}", "--timezone", "Mars/Olympus"],
            2,
            "'Mars/Olympus' is not a time zone; write it like Europe/Berlin: see ",
        ),
        (["{empty}"], 1, "The logs hold no runs yet"),
        (["{text}"], 1, "The logs hold no runs, and 1 log has no line that is known: slowtask top --bad"),
        (["{torn}"], 1, "The logs hold no runs, and 1 line may tell of a run and wasn't read: slowtask"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(log, tmp_path, arguments, status, words):
    (tmp_path / "empty.log").touch()
    (tmp_path / "text.log").write_text("hello\n")
    (tmp_path / "torn.log").write_text("hello\nTime: x\n")
    places = {"log": log} | {name: tmp_path / f"{name}.log" for name in ("empty", "text", "torn")}
    found = command("top", *(each.format_map(places) for each in arguments))

    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (status, "", 1)
    assert words in found.stderr


def drawn(figures, width, *, bad=0, by="total", limit=0):
    """The page as text."""
    console = Console(width=width, file=io.StringIO(), highlight=False)
    measurement = Measurement(figures=tuple(figures), bad=BadLines(count=bad), source="1 file")
    console.print(page(View(tasks=rank(figures, by), by=by, measurement=measurement, took=0.5), limit, width))
    return console.file.getvalue()


@pytest.fixture
def figures(log):
    return list(Files(resolve([log])).measure(Query()).figures)


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
@pytest.mark.parametrize("by", ["total", "p99", "wait", "memory"])
def test_the_table_is_never_wider_than_the_terminal(tmp_path, width, by):
    names = ["shop.jobs.orders.very.long." + "x" * 80, "späte.日本語の仕事", "a"]
    log = written(tmp_path / "runs.ndjson", [made(name, 10**6, wait=10**15) for name in names])
    text = drawn(Files(resolve([str(log)])).measure(Query()).figures, width, by=by)
    rows = text.split("\n\n")[1].splitlines()

    assert len(rows) == 4
    assert all(Console().measure(row).maximum <= width for row in rows)


@pytest.mark.parametrize("width", range(40, 90, 5))
def test_no_title_is_cut(tmp_path, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    runs = [made("jobs.a", 1e6, version="1", action="killed", outcome="failure", memory=10**9, wait=10**15)]
    log = written(tmp_path / "runs.ndjson", runs)

    assert "…" not in run(log, "--group-by", "version").output.split("\n\n")[1]


def test_a_task_that_is_shown_though_it_takes_little_time_is_explained(tmp_path):
    runs = [made(f"jobs.{each:02}", 60 - each) for each in range(30)]
    runs.append(made("jobs.odd", 0.1, action="killed", outcome="failure"))
    shown = run(written(tmp_path / "runs.ndjson", runs)).output

    assert re.findall(r"^ (jobs.odd|\d+ more tasks) ", shown, re.MULTILINE) == ["jobs.odd", "10 more tasks"]
    assert "\nAlso shown: jobs.odd (killed).\n" in shown


def test_the_column_of_the_order_is_always_there(figures):
    assert "P99" in drawn(figures, 60, by="p99")
    assert "P99" not in drawn(figures, 160)


def test_a_hostile_name_can_neither_move_the_cursor_nor_set_a_style(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("\x1b[2J[red]x[/red]")])
    text = drawn(Files(resolve([str(log)])).measure(Query()).figures, 120)

    assert "\\x1b[2J[red]x[/red]" in text
    assert "\x1b" not in text


def test_times_from_lines_in_whole_seconds_say_so(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("rough", 4, margin=10**9), made("exact", 3)])
    text = drawn(Files(resolve([str(log)])).measure(Query()).figures, 120)

    assert re.search(r"rough.*~4\.0 s", text)
    assert not re.search(r"exact.*~", text)
    assert "~: from the times of log lines, ± 1.0 s." in text


def test_output_into_a_pipe_is_without_colour(log):
    assert "\x1b" not in command("top", log).stdout


def test_watch_redraws_changes_the_order_by_a_key_and_quits(log):
    screen = watched(log, [b"f", b"q"])

    assert "jobs.send_mail used 60 %" in screen
    assert "jobs.thumb failed most often: 4 of 4 runs." in screen


def watched(log, keys):
    """What a terminal is sent by `top --watch` while *keys* are pressed, each after a frame."""
    terminal, side = pty.openpty()
    arguments = [sys.executable, "-m", "slowtask", "top", log, "--watch", "--interval", "60"]
    environment = os.environ | {"COLUMNS": "100", "LINES": "30", "TERM": "xterm"}
    with subprocess.Popen(arguments, stdin=side, stdout=side, stderr=side, env=environment) as process:
        os.close(side)
        screen = b""
        for key in keys:
            frame = b""
            while "w\N{NO-BREAK SPACE}wait".encode() not in frame:
                frame += os.read(terminal, 65536)
            screen += frame
            os.write(terminal, key)
        assert process.wait(PATIENCE) == 0
    os.close(terminal)
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", screen.decode())


def test_help_and_a_mistake_do_not_wait_for_duckdb():
    slow = {"duckdb", "rich", "slowtask.parse.reader"}
    code = f"import sys, slowtask.cli.top; sys.exit(bool({slow} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_mistake_in_the_call_raises_our_error(log):
    with pytest.raises(SlowtaskError):
        run(log, "--since", "x")


@pytest.mark.parametrize("arguments", [["top"], ["top", "--json"], ["parse"]])
def test_a_reader_that_has_had_enough_is_no_failure(log, arguments):
    """As in `slowtask top | head`."""
    command = [sys.executable, "-m", "slowtask", *arguments, log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        said = running.stderr.read()

    assert running.returncode == 0, said
    assert b"Error" not in said


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (200, 60)])
def test_a_live_ranking_fills_the_screen_and_no_more(tmp_path, size):
    """Its notes take as many lines as they need."""
    log = written(
        tmp_path / "runs.ndjson", [made(f"jobs.{each}", 1, margin=10**9 * (each > 2)) for each in range(80)],
        b"Time: x",
    )  # fmt: skip
    console = Console(width=size[0], height=size[1], file=io.StringIO(), highlight=False)
    options = Options(by="total", tasks=(), limit=0)
    view = make_view(Files(resolve([str(log)])).measure(Query()), Query(), options, 0.5)
    rows = console.render_lines(frame(view, options, console), pad=False)

    assert len(rows) == size[1]
