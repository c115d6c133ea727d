import json
import os
import re
import stat
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser

import msgspec
import pytest
from click.testing import CliRunner

import year
from logs import BEGIN, made, written
from places import GOLDEN
from slowtask.cli.report import report
from slowtask.cli.show.report.alerts import MAX_SHOWN
from slowtask.cli.show.report.panels import NO_SAMPLES
from slowtask.cli.top import top
from slowtask.rank.spread import SPREADS
from slowtask.record import sample
from slowtask.store.history import MAX_SLOTS

HOSTILE = "<script>alert(1)</script>"
CLOSING = "\"</svg></style><img src=x onerror='alert(1)'>"
#: Elements that could load or run something.
ACTIVE = {"script", "img", "image", "link", "iframe", "object", "embed", "use", "a", "foreignobject", "base"}


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes, texts by panel."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.attributes, self.texts = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def run(*arguments):
    """The result of `slowtask report`; its mistakes are raised."""
    return CliRunner().invoke(report, [str(each) for each in arguments], catch_exceptions=False)


def reported(tmp_path, *arguments):
    """The HTML of a report."""
    run(*arguments, "--out", tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


def command(*arguments, **others):
    return subprocess.run(
        [sys.executable, "-m", "slowtask", "report", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        **others,
    )


def panel(html, title):
    """The section that is headed *title*."""
    [found] = [each for each in html.split("<section") if f"<h2>{title}</h2>" in each]
    return found


def tips(html):
    """What the charts say where the pointer is, on a desk."""
    found = re.findall(r'aria-label="([^"]*)" role="graphics-symbol"', html.split('<div class="phone">')[0])
    return [unescape(each) for each in found]


def queue_sample(number, depth, queue="default"):
    return msgspec.json.encode(
        sample.QueueSample(
            timestamp=BEGIN.replace(minute=number), id=f"{queue}-{number}", dataset="slowtask.queue",
            queue=queue, system="rq", depth=depth,
        )
    )  # fmt: skip


def broker_sample(number, **others):
    return msgspec.json.encode(
        sample.BrokerSample(
            timestamp=BEGIN.replace(minute=number), id=f"b{number}", dataset="slowtask.queue",
            system="redis", name="redis://queue", **others,
        )
    )  # fmt: skip


def alert_line(minute, name="workers-none", state="critical", **others):
    line = sample.Alert(
        timestamp=BEGIN.replace(minute=minute), id=f"a{minute}", dataset="slowtask.alert", name=name,
        state=state, **others,
    )  # fmt: skip
    return msgspec.json.encode(line)


@pytest.fixture
def log(tmp_path):
    """Three tasks in two queues: send_mail takes most, thumb fails, lost has no times."""
    runs = [made("jobs.send_mail", 6, number, queue="mail", wait=30 * 10**9) for number in range(200)]
    runs += [
        made("jobs.thumb", 2, number, queue="default", outcome="failure", error="ValueError")
        for number in range(0, 200, 2)
    ]
    return written(tmp_path / "runs.ndjson", [*runs, made("jobs.lost", None)])


def test_the_headline_is_the_sentence_of_top(log, tmp_path):
    sentence = "jobs.send_mail used 86 % of the worker time."

    assert sentence in CliRunner().invoke(top, [str(log)]).output
    assert f"<h1>{sentence}</h1>" in reported(tmp_path, log).replace("\N{NO-BREAK SPACE}", " ")


def test_the_headline_in_figures(log, tmp_path):
    tiles = reported(tmp_path, log).split('class="tiles"')[1].split("</section>")[0]
    found = re.findall(r"<div><span>(.*?)</span><b class=\w+>(.*?)</b><span>(.*?)</span>", tiles)

    assert [(title, value, text.replace("<wbr>", "")) for title, value, text in found] == [
        ("Runs", "301", "of 3 tasks"),
        ("Worker time", "23m 20s", "6.9 workers busy"),
        ("Failures", "33 %", "100 runs"),
        ("Longest run", "6.0 s", "jobs.send_mail"),
        ("Wait, P95", "30.0 s", "one run in twenty waited longer"),
    ]


def test_a_report_on_another_field_calls_it_by_its_name(tmp_path):
    runs = [made("jobs.a", 6, each, labels={"tenant": "acme"}, queue="mail") for each in range(40)]
    runs += [made("jobs.b", 1, each, queue="mail", error="E", outcome="failure") for each in range(20)]
    runs += [made("jobs.c", 900, 0, queue="other")]
    log = written(tmp_path / "runs.ndjson", runs)
    done = run(log, "--group-by", "tenant", "--where", "queue=mail", "--out", tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text().replace("<wbr>", "")

    assert "<h1>tenant acme used 92\N{NO-BREAK SPACE}% of the worker time.</h1>" in html
    assert re.findall(r'<tr><th scope="row" data-value="(.*?)">', html) == ["acme", "no tenant"]
    assert '<button type="button">Tenant</button>' in html
    assert "60 runs of 1 tenant," in html
    assert "60 runs of 1 tenant, " in done.output
    assert ", by tenant." in html
    assert "jobs." not in html


def test_a_report_on_a_field_that_no_run_has_is_a_mistake(log, tmp_path):
    done = command(log, "--group-by", "tenant", "--out", tmp_path / "none.html")

    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "No run has a value of 'tenant'. The runs have: task, queue, error, outcome." in done.stderr
    assert not (tmp_path / "none.html").exists()


def test_what_is_known_of_no_task_has_no_column(log, tmp_path):
    killed = [made("jobs.big", 1, action="killed", outcome="failure", memory=2 * 10**9)]
    other = written(tmp_path / "killed.ndjson", killed)
    titles = [
        {*re.findall(r'<button type="button">(\w+)</button>', reported(tmp_path, each))}
        for each in (log, other)
    ]

    assert not {"Killed", "Memory", "CPU"} & titles[0]
    assert {"Killed", "Memory"} <= titles[1]


def test_the_table_has_the_figures_of_top_in_its_order(log, tmp_path):
    html = reported(tmp_path, log)
    rows = re.findall(r'<tr><th scope="row" data-value="(.*?)">.*?</tr>', html)
    cells = re.findall(r'<td.*?data-value="(.*?)"', html.split("<tbody>")[1].split("</tr>")[0])
    wanted = json.loads(CliRunner().invoke(top, [str(log), "--json"]).output)
    keys = [
        "share", "count", "total", "mean", "p50", "p95", "p99", "max", "spread", "failure_rate", "wait_p95",
    ]  # fmt: skip
    wanted[0]["spread"] = SPREADS.index(wanted[0]["spread"]) + 1

    assert rows == [each["task"] for each in wanted]
    assert [float(each) for each in cells] == pytest.approx([wanted[0][key] for key in keys], rel=1e-5)


def test_what_is_not_known_is_a_dash_and_not_zero(log, tmp_path):
    last = reported(tmp_path, log).split("</tbody>")[0].split("<tr>")[-1]

    assert last.count("\N{EN DASH}</td>") == 9
    assert ">1</td>" in last


def test_the_charts_tell_each_slot_in_words(log, tmp_path):
    html = reported(tmp_path, log)

    assert "6 Nov 2026 09:00:00 \N{EN DASH} 09:00:10\n1m 0s  jobs.send_mail\n10.0 s  jobs.thumb" in tips(
        panel(html, "Worker time")
    )
    assert "6 Nov 2026 09:00:00 \N{EN DASH} 09:00:10\n6.0 s  jobs.send_mail\n2.0 s  jobs.thumb" in tips(
        panel(html, "Task-time")
    )
    assert "6 Nov 2026 09:00:00 \N{EN DASH} 09:00:10\n30.0 s  mail" in tips(panel(html, "Waits"))
    assert tips(panel(html, "Failures")) == ["ValueError\n100 runs, all of jobs.thumb"]


def test_every_chart_is_drawn_for_a_desk_and_for_a_phone(log, tmp_path):
    html = reported(tmp_path, log)

    assert html.count("<svg") == 2 * (4 + 2)  # two tasks have details with a chart
    assert html.count('<div class="desk"><svg') == html.count('<div class="phone"><svg') == 6


def test_a_chart_without_data_is_left_out_and_the_reason_told(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("lost", None)])
    html = reported(tmp_path, log)

    assert "<svg" not in html
    assert [unescape(each) for each in re.findall(r"Left out: [^<]*", html)] == [
        "Left out: no run has a known run time.",
        "Left out: no run has a run time of a microsecond or more.",
        "Left out: no run has a queue and a wait. slowtask's workers record them, stock logs don't.",
        "Left out: no run failed.",
        NO_SAMPLES.format("queue"),
        NO_SAMPLES.format("broker"),
    ]


def test_samples_among_the_runs_show_depth_and_memory(tmp_path):
    samples = [queue_sample(0, 5), queue_sample(1, 8123), broker_sample(0, capacity=0.5)]
    memory = broker_sample(1, memory_used=85, memory_max=100)
    log = written(tmp_path / "runs.ndjson", [made()], *samples, memory)
    html = reported(tmp_path, log)

    assert [each.split("\n")[1] for each in tips(panel(html, "Queue depth"))] == [
        "5  default",
        "8,123  default",
    ]
    assert [each.split("\n")[1] for each in tips(panel(html, "Broker memory"))] == [
        "50 %  redis://queue", "85 %  redis://queue",
    ]  # fmt: skip
    assert 'stroke-dasharray="5,4"' in panel(html, "Broker memory")


def test_samples_that_go_on_after_the_last_run_are_shown_to_their_end(tmp_path):
    """A full broker: nothing runs, and the depth is what tells."""
    log = written(tmp_path / "runs.ndjson", [made()], *(queue_sample(each, each) for each in range(60)))
    found = tips(panel(reported(tmp_path, log), "Queue depth"))

    assert found[-1].endswith("59  default")
    assert len(found) <= MAX_SLOTS


def test_what_a_monitor_wrote_here_is_read_beside_the_log(log, tmp_path):
    log.rename(tmp_path / "slowtask.ndjson")
    written(tmp_path / "slowtask-monitor.ndjson", [], queue_sample(0, 5))
    written(tmp_path / "slowtask-monitor.ndjson.1", [], queue_sample(0, 77))
    done = command("--out", "-", cwd=tmp_path)

    assert tips(panel(done.stdout, "Queue depth"))[0].endswith("77  default")


def test_samples_of_other_queues_go_with_the_queue_that_is_chosen(log, tmp_path):
    with log.open("ab") as file:
        file.write(
            b"\n".join([queue_sample(0, 5), queue_sample(0, 7, "mail"), broker_sample(0, capacity=0.5), b""])
        )
    html = reported(tmp_path, log, "--queue", "mail")

    assert [each.split("\n")[1:] for each in tips(panel(html, "Queue depth"))] == [["7  mail"]]
    assert len(tips(panel(html, "Broker memory"))) == 1
    assert "jobs.thumb" not in html


def test_since_and_until_bound_every_part(log, tmp_path):
    html = reported(tmp_path, log, "--since", "2026-11-06T09:01", "--until", "2026-11-06T09:02")

    assert "60 runs of 2 tasks" not in html
    assert "90 runs of 2 tasks, 6 Nov 2026 09:01" in html
    assert "09:00:5" not in html
    assert tips(panel(html, "Failures")) == ["ValueError\n30 runs, all of jobs.thumb"]


def test_exceptions_that_a_stock_log_tells_are_shown(tmp_path):
    html = reported(tmp_path, str(GOLDEN / "rq-3.0.0-worker.log"))

    assert any(each.startswith("ValueError\n") for each in tips(panel(html, "Failures")))
    assert "~: from the times of log lines" in html


@pytest.mark.slow
def test_packed_logs_and_lines_give_the_same_charts(log, tmp_path):
    rotated = log.rename(tmp_path / "runs.ndjson.1")
    subprocess.run([sys.executable, "-m", "slowtask", "pack", rotated], check=True, capture_output=True)
    packed = reported(tmp_path, f"{rotated}.parquet")
    done = command(tmp_path / "runs*", "--out", tmp_path / "both.html")

    assert tips(packed) == tips(reported(tmp_path, rotated))
    assert "1 log skipped: the Parquet file made from it was read." in done.stderr


@pytest.mark.parametrize("hostile", [HOSTILE, CLOSING, "${x} $verdict {{y}}", "\x1b[2J\u202egnp", "& &lt; '"])
def test_text_from_logs_is_shown_and_can_do_nothing(tmp_path, hostile):
    """As a task, a queue, an exception and a broker."""
    names = {"queue": hostile, "error": hostile, "outcome": "failure", "wait": 10**9}
    broker = broker_sample(0, capacity=0.5).replace(b'"redis://queue"', msgspec.json.encode(hostile))
    log = written(
        tmp_path / "runs.ndjson", [made(hostile, 3, each, **names) for each in range(3)],
        queue_sample(0, 5, hostile), broker,
    )  # fmt: skip
    html = reported(tmp_path, log)
    page = Page(html)
    shown = hostile.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")

    assert sum(page.elements.count(each) for each in ACTIVE) == 1  # page.js
    assert {name for name, _ in page.attributes if name.startswith("on")} == set()
    assert len([text for text in page.texts if shown in text]) >= 5
    assert shown in dict(page.attributes)["aria-label"] + "".join(
        value for name, value in page.attributes if name == "aria-label"
    )
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_nothing_in_the_file_leads_out_of_it(log, tmp_path):
    html = reported(tmp_path, log)
    policy = re.search(r'Content-Security-Policy" content="(.*?)"', html)[1]

    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")
    assert not re.search(r"https?://(?!www\.w3\.org/)|url\(|@import|\bsrc=|\bhref=|\bid=\"(?!tip\")", html)


@pytest.mark.slow
def test_a_year_of_logs_stays_small(tmp_path):
    log = year.write(tmp_path / "year.ndjson")
    html = reported(tmp_path, log)

    assert "of 50 tasks, 1 Nov 2025 00:00 \N{EN DASH} 31 Oct 2026" in html
    assert html.count("<svg") == 2 * (6 + 3)
    assert len(html.encode()) < 2_000_000


def test_thousands_of_tasks_with_endless_names_stay_small_too(tmp_path):
    runs = [
        made(f"jobs.{number:04}." + "x" * 3000, 1, number, queue=f"q{number % 99}") for number in range(2000)
    ]
    html = reported(tmp_path, written(tmp_path / "runs.ndjson", runs))

    assert len(html.encode()) < 2_000_000
    assert re.search(r"<tfoot>\s*<tr><th[^>]*>1,500 more tasks</th>.*<b>75 %</b>", html)
    assert "slowtask top -n 0 shows all rows." in html


def test_a_single_run_makes_a_report(tmp_path):
    html = reported(tmp_path, written(tmp_path / "runs.ndjson", [made("jobs.one", 0, wait=0, queue="q")]))

    assert "No run took a measurable time." in html
    assert "1 run of 1 task, 6 Nov 2026 09:00 \N{EN DASH} 09:00 UTC, 1 file" in html
    assert "<svg" in panel(html, "Waits")


def test_lines_that_cannot_be_parsed_are_told(tmp_path):
    html = reported(
        tmp_path, written(tmp_path / "runs.ndjson", [made()], b"Time: x", b"nonsense", queue_sample(0, 5))
    )

    assert "1 line may tell of a run and wasn't read: slowtask top --bad lists which, and why." in unescape(
        html
    )
    assert len(tips(panel(html, "Queue depth"))) == 1


def test_the_command_says_what_it_wrote(log, tmp_path):
    done = command(log, cwd=tmp_path)

    assert re.fullmatch(r"report\.html: 301 runs of 3 tasks, [\d.]+ kB\n", done.stdout), done.stderr
    assert (tmp_path / "report.html").read_bytes().endswith(b"</html>\n")


def test_an_older_report_is_replaced_whole_and_a_link_to_it_stays(log, tmp_path):
    (tmp_path / "real.html").write_text("old" * 10**6)
    (tmp_path / "link.html").symlink_to("real.html")
    run(log, "--out", tmp_path / "link.html")

    assert (tmp_path / "link.html").is_symlink()
    assert (tmp_path / "real.html").read_text().startswith("<!DOCTYPE html>")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["link.html", "real.html", "runs.ndjson"]


def test_the_file_may_be_read_by_whom_the_umask_allows(log, tmp_path):
    before = os.umask(0o027)
    try:
        run(log, "--out", tmp_path / "report.html")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "report.html").stat().st_mode) == 0o640


def test_a_failure_leaves_the_older_report(tmp_path):
    (tmp_path / "report.html").write_text("old")
    (tmp_path / "empty.log").touch()
    done = command("empty.log", cwd=tmp_path)

    assert done.returncode == 1
    assert (tmp_path / "report.html").read_text() == "old"


def test_dash_is_stdout_and_stdin(log):
    with log.open() as lines:
        done = command("-", "--out", "-", stdin=lines)

    assert done.stdout.startswith("<!DOCTYPE html>")
    assert "301 runs of 3 tasks" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["{log}", "--out", "{log}.d/report.html"], 2, "make it first"),
        (["{log}", "--out", "{folder}"], 2, "is a folder: name a file"),
        (["nowhere.ndjson"], 1, "nowhere.ndjson can't be read"),
        (["{empty}"], 1, "The logs hold no runs yet"),
        (["{samples}"], 1, "The logs hold no runs yet"),
        (["{log}", "--queue", "none"], 1, "No run matches"),
        (["{log}", "--since", "x"], 2, "--since 'x' is not a time"),
        (["http://127.0.0.1:1"], 1, "can't be reached"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(log, tmp_path, arguments, status, words):
    (tmp_path / "empty.log").touch()
    written(tmp_path / "samples.ndjson", [], queue_sample(0, 5))
    places = {
        "log": log,
        "folder": tmp_path,
        "empty": tmp_path / "empty.log",
        "samples": tmp_path / "samples.ndjson",
    }
    done = command(*(each.format_map(places) for each in arguments), cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1)
    assert words in done.stderr


def test_without_the_library_of_the_charts_it_says_how_to_get_it(log, tmp_path):
    (tmp_path / "vl_convert.py").write_text("raise ImportError")
    done = command(log, "--out", "-", env=os.environ | {"PYTHONPATH": str(tmp_path)})

    assert done.returncode == 2
    assert (
        done.stderr
        == "slowtask: A report needs vl-convert for its charts: pip install 'slowtask-cli[report]'.\n"
    )


def said(tmp_path, log, *lines, options=()):
    """The section of a report of what the monitor said, as text; None if there is none."""
    monitor = tmp_path / "slowtask-monitor.ndjson"
    monitor.write_bytes(b"\n".join([queue_sample(0, 3), *lines]) + b"\n")
    html = reported(tmp_path, log, monitor, *options)
    return panel(html, "What the monitor said") if "What the monitor said" in html else None


def test_what_the_monitor_said_is_in_order_of_time_with_what_it_follows_from(log, tmp_path):
    html = said(
        tmp_path,
        log,
        alert_line(3, state="ok", queue="mail", message="w31 started."),
        alert_line(1, queue="mail", message="No live worker on mail."),
        alert_line(2, "queue-age", queue="mail", cause="workers-none", message="jobs wait."),
    )

    text = Page(html).text
    places = [text.index(each) for each in ("No live worker on mail.", "jobs wait.", "w31 started.")]
    assert places == sorted(places)
    assert "critical queue-age mail (follows from workers-none)" in text
    assert "resolved workers-none mail" in text


def test_a_reminder_of_an_alert_is_not_told_again(log, tmp_path):
    html = said(tmp_path, log, *(alert_line(minute, queue="mail", message="none") for minute in (1, 2, 3)))

    assert html.count("<li>") == 1


def test_of_the_alerts_those_of_the_period_and_the_queues_asked_for_are_shown(log, tmp_path):
    lines = [
        alert_line(1, queue="mail", message="of mail"),
        alert_line(2, queue="media", message="of media"),
        alert_line(3, "broker-policy", message="of the broker"),
    ]

    html = said(tmp_path, log, *lines, options=("--queue", "mail"))
    assert ("of mail" in html, "of media" in html, "of the broker" in html) == (True, False, True)
    until = BEGIN.replace(minute=2).isoformat()
    html = said(tmp_path, log, *lines, options=("--until", until))
    assert ("of mail" in html, "of media" in html) == (True, False)


def test_a_report_without_alerts_has_no_such_section(log, tmp_path):
    assert said(tmp_path, log) is None


def test_what_an_alert_names_is_only_text(log, tmp_path):
    html = said(tmp_path, log, alert_line(1, queue=CLOSING, message=HOSTILE))

    assert not ACTIVE & set(Page(html).elements)
    assert HOSTILE in Page(html).text


def test_of_many_alerts_the_last_are_shown(log, tmp_path):
    lines = [
        alert_line(minute, f"alert-{n}", queue="mail", message=f"at {minute}, number {n}")
        for minute in range(5)
        for n in range(30 * minute, 30 * minute + 30)
    ]
    html = said(tmp_path, log, *lines)

    assert html.count("<li>") == MAX_SHOWN
    assert "50 earlier ones left out." in html
    assert ("at 1, number 49" in html, "at 1, number 50" in html) == (False, True)


def test_a_line_that_is_no_alert_stops_nothing(log, tmp_path):
    torn = b'{"@timestamp":"2026-","event.dataset":"slowtask.alert"'

    assert "No live worker" in said(tmp_path, log, torn, alert_line(1, message="No live worker"))


def details(html):
    """The details of each task, as HTML."""
    return html.split("<details")[1:]


def test_the_first_three_tasks_have_their_details_the_first_open(tmp_path):
    runs = [made(f"jobs.t{number % 5}", 1 + number % 5, number) for number in range(20)]
    html = reported(tmp_path, written(tmp_path / "runs.ndjson", runs))

    found = details(html)
    assert [re.sub("<[^>]*>", "", re.findall(r"<h2>(.*?)</h2>", each)[0]) for each in found] == [
        "In detail: jobs.t4", "In detail: jobs.t3", "In detail: jobs.t2"
    ]  # fmt: skip
    assert [" open>" in each.split("\n")[0] for each in found] == [True, False, False]


def test_details_say_what_its_jobs_waited_behind_and_where_the_longest_runs_are(tmp_path):
    long = made("jobs.export", 60.0, 60, wait=0, queue="default", worker="w")
    late = [
        made("jobs.thumb", 1.0, 61 + n, wait=60 * 10**9, queue="default", worker="w", task_id=f"job-{n}")
        for n in range(70)
    ]
    log = written(tmp_path / "runs.ndjson", [long, *late])
    first = details(reported(tmp_path, log))[0]

    assert "In detail: jobs.<wbr>thumb" in first
    assert "jobs.<wbr>export" in first.partition("What its jobs waited behind")[2]
    assert f"job job-0, {log}".replace(".", ".<wbr>").replace("_", "_<wbr>") in first


def test_details_have_links_to_traces(tmp_path, monkeypatch):
    monkeypatch.setenv("SLOWTASK_TRACE_URL", "https://apm.example.org/{trace}")
    html = reported(tmp_path, written(tmp_path / "runs.ndjson", [made(trace='"><script>')]))

    assert '<a href="https://apm.example.org/%22%3E%3Cscript%3E" rel="noreferrer">' in html


def test_details_of_a_log_too_large_to_read_again_are_brief(tmp_path, monkeypatch):
    monkeypatch.setattr("slowtask.store.profiling.MANY_RUNS", 1)
    runs = [made(number=number, wait=10**9, queue="q") for number in range(3)]
    [found] = details(reported(tmp_path, written(tmp_path / "runs.ndjson", runs)))

    assert "as the logs are large" in found
    assert "Longest runs" not in found
    assert "used 100 % of the worker time" in found


def test_a_report_by_another_field_has_no_details(tmp_path):
    html = reported(tmp_path, written(tmp_path / "runs.ndjson", [made(queue="q")]), "--group-by", "queue")

    assert details(html) == []
