"""`slowtask serve`: its pages, and what it refuses, over real HTTP."""

import os
import re
import signal
import socket
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from logs import made, written
from served import Served
from slowtask import cli
from slowtask.cli import serve
from slowtask.errors import SourceError, UsageError

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serve")]  # they share servers

HOSTILE = '\x1b[31m"><script>alert(1)</script>/../%2e\u202e&since=1h'
TOKEN = "a-token-of-the-tests-0123456789"  # noqa: S105
MANY = 200


def make_log(path):
    """Two versions of three tasks, one with a name that is meant to do harm."""
    runs = [
        made(task, took, number * 10 + place, version=("1.4", "1.5")[number // 50], queue="mail", wait=10**9)
        for number in range(100)
        for place, (task, took) in enumerate(
            [("shop.mail.send", 2.0), ("shop.thumb", 0.5 + number // 50), (HOSTILE, 0.1)]
        )
    ]
    return written(path, runs)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    make_log(folder / "slowtask.ndjson")
    with Served(folder) as server:
        yield server


def run(*arguments, **variables):
    return CliRunner().invoke(cli.slowtask, ["serve", *map(str, arguments)], env=variables)


def test_the_ranking_has_each_task_with_a_link_to_its_page(served):
    page = served.get("/")

    assert page.status == 200
    assert page.title.startswith("shop.mail.send used ")
    assert 'href="/task/shop.mail.send"' in page.html
    assert 'href="/task/shop.thumb"' in page.html


def test_the_page_of_a_task_is_found_by_the_end_of_its_name(served):
    page = served.get("/task/thumb")

    assert page.status == 200
    assert "shop.thumb" in page.title


def test_the_diff_compares_the_values_of_a_field(served):
    page = served.get("/diff?by=version&before=1.4&after=1.5")

    assert page.status == 200
    assert "version 1.4" in page.text
    assert "shop.thumb got slower" in page.text


def test_without_a_broker_and_a_monitor_the_queues_are_unknown_and_it_says_how_to_know_them(served):
    page = served.get("/queues")

    assert page.status == 200
    assert "Nothing is known of the queues" in page.text
    assert "--redis-url" in page.text


def test_parameters_are_those_of_the_command_line(served):
    page = served.get("/?group-by=version&by=count&until=2026-11-06T09:05")

    assert page.status == 200
    assert "version 1.4" in page.title


def test_a_harmful_name_is_text_everywhere(served):
    target = f"/task/{quote(HOSTILE, safe='')}"
    pages = [served.get("/"), served.get(target), served.ask(f"/?queue={quote(HOSTILE)}")]

    assert [page.status for page in pages[:2]] == [200, 200]
    assert target in pages[0].html
    assert not [page for page in pages if "<script>alert" in page.html or "\x1b" in page.text]


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/?since=abc", 400, "since 'abc' is not a time"),
        ("/?since=1h&until=2h", 400, "since isn't before until"),
        ("/?by=length", 400, "isn't an order"),
        ("/?limit=3", 400, "no parameter 'limit'"),
        ("/?where=version", 400, "isn't a field with its value"),
        ("/?since=1h&since=2h", 400, "too many values"),
        ("/?queue=" + "q" * 600, 400, "longer than 500 characters"),
        ("/?group-by=%3Cscript%3E", 404, "<script>"),
        ("/diff?by=version&before=1.4", 400, "give both"),
        ("/diff?at=1h&against=7d", 400, "can't be combined"),
        ("/diff?by=version&before=1.4&after=9.9", 404, "No run has version 9.9"),
        ("/?queue=nobody", 404, "No run matches"),
        ("/task/nobody", 404, "nobody"),
        ("/task/" + "n" * 600, 400, "longer than 500 characters"),
        ("/nothing", 404, "There is no such page"),
        ("/%00%ff", 404, "There is no such page"),
        ("/?queue=" + "q" * 5000, 414, "4,000 characters"),
    ],
)
def test_wrong_input_is_a_page_that_says_what_is_wrong(served, target, status, says):
    page = served.get(target)

    assert page.status == status
    assert says in page.text
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_only_get_and_head_are_answered(served, method):
    answer = served.ask("/", method)

    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_head_is_get_without_the_page(served):
    served.get("/")
    answer = served.ask("/", "HEAD")

    assert (answer.status, answer.html) == (200, "")


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:8321", "127.0.0.1.evil.example.com", ""]
)
def test_another_host_is_refused_as_its_name_may_be_made_to_lead_here(served, host):
    answer = served.ask("/", host=host)

    assert answer.status == 421
    assert "shop.mail.send" not in answer.html


@pytest.mark.parametrize("host", ["localhost", "localhost:1234", "127.0.0.1", "[::1]:80"])
def test_the_names_of_this_machine_are_answered(served, host):
    assert served.get("/", host=host).status == 200


def test_another_site_can_link_here_but_load_nothing_into_its_pages(served):
    elsewhere = {"sec_fetch_site": "cross-site"}
    statuses = [served.get("/", **elsewhere, sec_fetch_mode=mode).status for mode in ("navigate", "no-cors")]

    assert statuses == [200, 403]


@pytest.mark.parametrize("target", ["/", "/nothing", "/health", "/?since=abc"])
def test_each_answer_has_the_headers_of_safety(served, target):
    headers = served.get(target).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_the_policy_names_the_style_and_the_script_of_the_page(served):
    page = served.get("/")
    parts = [re.search(rf"<{tag}>(.*?)</{tag}>", page.html, re.DOTALL)[1] for tag in ("style", "script")]
    hashes = [b64encode(sha256(part.encode()).digest()).decode() for part in parts]

    assert all(f"'sha256-{each}'" in page.headers["content-security-policy"] for each in hashes)


def test_the_probe_is_answered(served):
    assert served.ask("/health", host="10.0.0.7").html == "ok\n"


def test_two_hundred_requests_at_once_are_answered(served):
    targets = ["/", "/task/shop.thumb", "/nothing", "/?since=abc"] * (MANY // 4)
    for each in set(targets):
        served.get(each)
    with ThreadPoolExecutor(MANY) as threads:
        statuses = [answer.status for answer in threads.map(served.ask, targets)]

    assert statuses == [200, 200, 404, 400] * (MANY // 4)


def test_so_many_different_pages_at_once_are_refused_and_the_server_goes_on(served):
    with ThreadPoolExecutor(MANY) as threads:
        targets = [f"/?queue=q{number}" for number in range(MANY)]
        statuses = {answer.status for answer in threads.map(served.ask, targets)}

    assert 503 in statuses
    assert statuses <= {202, 404, 503}
    assert served.ask("/").status == 200


def test_requests_that_are_no_http_are_refused(served):
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"GET /" + b"x" * 100_000)
        connection.sendall(b"\r\n\r\n")
        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 400")
    assert served.ask("/health").status == 200


def test_a_log_is_read_again_when_it_grew_and_its_figures_stay_when_it_is_gone(tmp_path):
    log = make_log(tmp_path / "worker.ndjson")
    grown = written(tmp_path / "more", [made("shop.huge", 3600.0, 5000)]).read_bytes()
    with Served(tmp_path, log) as server:
        before = server.get("/")
        with log.open("ab") as file:
            file.write(grown)
        after = server.get("/", until=lambda answer: "shop.huge" in answer.title)
        log.unlink()
        gone = server.get("/", until=lambda answer: "can't be read" in answer.text)

    assert before.title.startswith("shop.mail.send used ")
    assert (after.status, gone.status) == (200, 200)
    assert gone.title == after.title


def test_a_reading_process_that_is_killed_is_started_again(tmp_path):
    log = make_log(tmp_path / "worker.ndjson")
    with Served(tmp_path, log) as server:
        server.get("/")
        [child] = server.children("serve.work")
        os.kill(child, signal.SIGKILL)
        page = server.get("/diff?by=version", until=lambda answer: answer.status == 200)

    assert "version 1.4" in page.text


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_its_processes_and_what_they_wrote(tmp_path, by):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Served(tmp_path, make_log(tmp_path / "worker.ndjson"), TMPDIR=str(scratch)) as server:
        server.get("/queues")
        children, during = server.children(), list(scratch.iterdir())
        server.stop(by)

    assert len(children) == 2
    assert during
    assert server.status == 0
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list(scratch.iterdir())


def test_two_signals_end_it_as_one_does(tmp_path):
    with Served(tmp_path, make_log(tmp_path / "worker.ndjson")) as server:
        server.get("/")
        [child] = server.children("serve.work")
        os.kill(server.pid, signal.SIGINT)  # two of the same may count as one
        server.stop(signal.SIGTERM)

    assert server.status == 0
    assert "Traceback" not in server.log
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_an_address_of_loopback_needs_no_token(host):
    assert serve.choose_token(serve.Place.parse(f"{host}:0", None)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::12", "localhost.example.org", "127.example.org"])  # noqa: S104 - compared
def test_an_address_that_others_may_reach_needs_one(host):
    assert serve.choose_token(serve.Place.parse(f"{host}:0", None))


def test_beyond_this_machine_a_token_is_made_and_printed(tmp_path):
    log = make_log(tmp_path / "worker.ndjson")
    with Served(tmp_path, log, "--listen", "0.0.0.0:0") as server:
        token = re.search(r"\?token=(\S+)", server.log)[1]
        refused = server.ask("/", host="ops.example.org")
        page = server.get("/", host="ops.example.org", authorization=f"Bearer {token}")

    assert len(token) >= 32
    assert refused.status == 401
    assert "shop" not in refused.text
    assert page.status == 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    make_log(folder / "slowtask.ndjson")
    with Served(folder, SLOWTASK_SERVE_TOKEN=TOKEN) as server:
        yield server


def test_the_token_of_the_url_becomes_a_cookie_and_leaves_the_url(guarded):
    answer = guarded.ask(f"/task/a%20b?queue=mail&token={TOKEN}")
    cookie = answer.headers["set-cookie"]

    assert answer.status == 303
    assert answer.headers["location"] == "/task/a%20b?queue=mail"
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert guarded.get("/", cookie=cookie.partition(";")[0]).status == 200


def test_the_token_leads_to_no_other_host(guarded):
    assert guarded.ask(f"//evil.example.com/?token={TOKEN}").headers["location"].startswith("/evil")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/", {}),
        ("/?token=wrong", {}),
        ("/?token=", {}),
        ("/nothing", {}),
        ("/", {"authorization": f"Bearer {TOKEN}x"}),
        ("/", {"authorization": f"Basic {TOKEN}"}),
        ("/", {"cookie": f"slowtask={TOKEN}"}),
    ],
)
def test_without_the_token_nothing_is_told(guarded, target, headers):
    answer = guarded.ask(target, **headers)

    assert answer.status == 401
    assert "shop" not in answer.html
    assert TOKEN not in answer.html


def test_a_link_elsewhere_that_came_without_the_cookie_is_loaded_again(guarded):
    answer = guarded.ask("/", sec_fetch_site="cross-site", sec_fetch_mode="navigate")

    assert answer.headers["refresh"] == "0"


def test_the_token_is_never_logged(guarded):
    guarded.ask(f"/?token={TOKEN}")
    guarded.ask("/?token=wrong-token-of-somebody")

    assert "token" not in guarded.log


def test_a_probe_needs_no_token(guarded):
    assert guarded.ask("/health").status == 200


def test_behind_a_proxy_links_have_the_prefix_and_its_host_is_known(tmp_path):
    log = make_log(tmp_path / "worker.ndjson")
    with Served(tmp_path, log, "--url", "http://ops.example.org/slow") as server:
        pages = [server.get(path, host="ops.example.org") for path in ("/slow/", "/", "/slow")]

    assert [page.status for page in pages] == [200, 200, 200]
    assert 'href="/slow/task/shop.thumb"' in pages[0].html


def test_a_port_in_use_is_an_error_that_says_so(tmp_path, monkeypatch):
    log = make_log(tmp_path / "worker.ndjson")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run(log, "--listen", f"127.0.0.1:{taken.getsockname()[1]}")

    assert isinstance(result.exception, UsageError)
    assert "choose another address by --listen" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "variables", "says"),
    [
        (["-"], {}, "instead of stdin"),
        (["--listen", "8321"], {}, "isn't an address"),
        (["--listen", "localhost:99999"], {}, "isn't an address"),
        (["--url", "ops.example.org"], {}, "isn't an address"),
        ([], {"SLOWTASK_SERVE_TOKEN": "short"}, "must have 16 characters"),
        (["--config", "missing.toml"], {}, "missing.toml can't be read"),
        (["https://a.example.org", "https://b.example.org"], {}, "name it alone"),
    ],
)
def test_a_wrong_argument_is_an_error_before_anything_is_served(
    tmp_path, monkeypatch, arguments, variables, says
):
    monkeypatch.chdir(tmp_path)
    make_log(tmp_path / "slowtask.ndjson")
    result = run(*arguments, **variables)

    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)


def test_without_logs_it_says_so_and_serves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run()

    assert isinstance(result.exception, SourceError)
    assert "There is no slowtask.ndjson here" in str(result.exception)


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run()

    assert "slowtask-cli[serve]" in str(result.exception)
