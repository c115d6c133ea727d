"""Kibana's answers, sent by a real HTTP server in the form that Kibana documents, become one line each."""

import json
import re
import ssl
import threading
from base64 import b64encode
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import check
from slowtask.errors import KibanaError, UsageError
from slowtask.store.elastic import kibana
from slowtask.store.elastic.access import Access

AVAILABLE = {"version": {"number": "9.5.3"}, "status": {"overall": {"level": "available"}}}
BUNDLE = b'{"type":"index-pattern","id":"slowtask-runs"}\n{"type":"dashboard","id":"slowtask-queues"}\n'
TAKEN = {
    "success": True,
    "successCount": 2,
    "warnings": [],
    "successResults": [
        {
            "type": "index-pattern",
            "id": "slowtask-runs",
            "meta": {"title": "logs-slowtask.run-*", "icon": "indexPatternApp"},
            "managed": False,
            "overwrite": True,
        },
        {
            "type": "dashboard",
            "id": "slowtask-queues",
            "meta": {"title": "Queues", "icon": "dashboardApp"},
            "managed": False,
        },
    ],
}


def refused(error, **others):
    """The answer to an import of which one object was refused: its status is 200."""
    first = {"type": "dashboard", "id": "slowtask-queues", "title": "Queues", "meta": {}, "error": error}
    return {
        "success": False,
        "successCount": 1,
        "errors": [first],
        "successResults": TAKEN["successResults"][:1],
    } | others


class Stand(ThreadingHTTPServer):
    """Answers what it is told to, and keeps what it was asked."""

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = answers, []

    @property
    def port(self):
        return self.server_address[1]


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, self.headers, body))
        status, answer = self.server.answers.get(self.path.partition("?")[0], (404, error(404, "Not Found")))
        text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "https://kibana.shop.example/")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, *_):
        """Say nothing."""


def error(status, message):
    """The body of an error of Kibana's."""
    return {"statusCode": status, "error": "Error", "message": message}


@contextmanager
def running(answers, context=None):
    with Stand(answers) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def stand(request):
    """A server that takes an import, unless the test says otherwise."""
    answers = {
        "/api/status": (200, AVAILABLE),
        "/api/saved_objects/_import": (200, TAKEN),
        "/api/dashboards/slowtask-queues": (200, {"id": "slowtask-queues", "data": {}, "meta": {}}),
    }
    with running(answers | getattr(request, "param", {})) as server:
        yield server


def at(server, **others):
    return Access(url=f"http://127.0.0.1:{server.port}", **others)


def imported(server, **others):
    return kibana.import_objects(at(server, **others), BUNDLE)


def problem(server, **others):
    """The one line that an import fails with."""
    with pytest.raises(KibanaError) as caught:
        imported(server, **others)
    said = str(caught.value)
    assert "\n" not in said
    assert said[-1] in ".?"
    return said.removesuffix(".").replace(f"http://127.0.0.1:{server.port}", "URL")


def answering(*answers):
    """Run a test with a server that gives each of these answers."""
    return pytest.mark.parametrize("stand", answers, indirect=True)


def test_an_import_tells_new_objects_from_replaced_ones(stand):
    assert imported(stand) == kibana.Imported(
        new=("dashboard slowtask-queues",), replaced=("index-pattern slowtask-runs",)
    )


def test_an_import_is_a_form_with_one_file_in_place_of_what_is_there(stand):
    imported(stand)
    method, path, headers, body = stand.asked[-1]
    form = message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    [part] = form.get_payload()

    assert (method, path) == ("POST", "/api/saved_objects/_import?overwrite=true")
    assert part.get_filename() == "slowtask.ndjson"
    assert part.get_payload(decode=True).rstrip(b"\r\n") == BUNDLE.rstrip(b"\n")
    assert headers["kbn-xsrf"]


def test_the_name_and_password_go_along(stand):
    imported(stand, username="elastic", password="se:cret")  # noqa: S106 - a test's

    assert stand.asked[-1][2]["Authorization"] == f"Basic {b64encode(b'elastic:se:cret').decode()}"


def test_those_in_the_address_go_along_but_not_in_it(stand):
    where = Access.from_address(f"http://elastic:p%40ss@127.0.0.1:{stand.port}/")
    kibana.import_objects(where, BUNDLE)

    assert stand.asked[-1][2]["Authorization"] == f"Basic {b64encode(b'elastic:p@ss').decode()}"
    assert stand.asked[-1][2]["Host"] == f"127.0.0.1:{stand.port}"


def test_an_api_key_wins(stand):
    imported(stand, api_key="a2V5", username="elastic", password="secret")  # noqa: S106 - a test's

    assert stand.asked[-1][2]["Authorization"] == "ApiKey a2V5"


def test_a_space_is_a_path_of_the_address():
    with running({"/s/ops/api/status": (200, AVAILABLE)}) as server:
        where = Access.from_address(f"http://127.0.0.1:{server.port}/s/ops/")

        assert kibana.check_ready(where) == "9.5.3"


# What goes wrong


def test_nothing_that_answers():
    with running({}) as server:
        port = server.port
    with pytest.raises(KibanaError) as caught:
        kibana.check_ready(Access(url=f"http://127.0.0.1:{port}"))

    said = str(caught.value).replace(str(port), "PORT")
    assert said == (
        "no Kibana answers at http://127.0.0.1:PORT (Connection refused): start it, or correct the address."
    )


@answering({"/api/status": (401, error(401, "[security_exception] unable to auth"))})
def test_a_wrong_password(stand):
    assert problem(stand, username="elastic", password="wrong") == (  # noqa: S106 - a test's
        "Kibana at URL doesn't let elastic in: check the name and password, or the API key"
    )


@answering({"/api/saved_objects/_import": (401, error(401, "Unauthorized"))})
def test_no_password_at_all(stand):
    """The status may be open to everybody."""
    assert "doesn't let users without a login in" in problem(stand)


@answering({"/api/saved_objects/_import": (403, error(403, "Unable to bulk_create dashboard"))})
def test_one_who_may_not(stand):
    assert problem(stand, api_key="a2V5") == (
        "Kibana at URL doesn't allow that to the API key: log in as one who may manage saved objects"
    )


@answering({"/api/status": (503, b"Kibana server is not ready yet")})
def test_one_that_is_starting(stand):
    assert problem(stand) == (
        "Kibana at URL isn't available yet (it is starting, or its Elasticsearch doesn't answer): "
        "try again in a minute"
    )


@answering({"/api/status": (200, {"status": {"overall": {"level": "critical"}}})})
def test_one_that_is_not_available(stand):
    """And nothing is sent to it."""
    assert "isn't available yet (its status is critical)" in problem(stand)
    assert [path for _, path, *_ in stand.asked] == ["/api/status"]


@pytest.mark.parametrize(
    ("error_of_it", "reason"),
    [
        (
            {
                "type": "missing_references",
                "references": [{"type": "index-pattern", "id": "slowtask-samples"}],
            },
            "it needs index-pattern slowtask-samples, which isn't there: import the whole bundle",
        ),
        (
            {"type": "unsupported_type"},
            "this Kibana doesn't know that type: slowtask's dashboards need Kibana 8.19 or newer",
        ),
        (
            {"type": "conflict", "destinationId": "other"},
            "an object with this id is in another space: delete it, or import into that space",
        ),
        (
            {"type": "unknown", "message": "Document belongs to a more recent version", "statusCode": 422},
            "Document belongs to a more recent version; is Kibana 8.19 or newer?",
        ),
    ],
)
def test_one_object_refused(stand, error_of_it, reason):
    """Named, with the reason, though the status is 200."""
    stand.answers["/api/saved_objects/_import"] = (200, refused(error_of_it))

    assert problem(stand) == (
        f"Kibana at URL refused dashboard slowtask-queues: {reason}; 1 objects were imported"
    )


def test_more_objects_refused_are_counted():
    answer = refused({"type": "unsupported_type"})
    answer["errors"] *= 3
    with running({"/api/status": (200, AVAILABLE), "/api/saved_objects/_import": (200, answer)}) as server:
        assert "refused dashboard slowtask-queues (and 2 more): " in problem(server)


@answering(
    {"/api/status": (200, b"<!doctype html><title>It works</title>")},
    {"/api/status": (404, b"nginx")},
    {"/api/status": (404, error(404, "Not Found"))},
    {"/api/status": (200, [1])},
    {"/api/status": (200, {"name": "node", "version": {"number": "9.5.3"}})},
    {"/api/status": (400, {"error": {"type": "illegal_argument_exception"}, "status": 400})},
)
def test_what_is_no_kibana(stand):
    """A web server, another service, an Elasticsearch."""
    assert (
        problem(stand) == "what answers at URL isn't a Kibana: correct the address (its port is usually 5601)"
    )


@answering({"/api/saved_objects/_import": (400, error(400, "Unexpected token in JSON"))})
def test_any_other_error_is_told_as_kibana_tells_it(stand):
    assert problem(stand) == "Kibana at URL answered 400: Unexpected token in JSON"


@answering({"/api/saved_objects/_import": (400, error(400, "two\nlines \x1b[2J"))})
def test_what_kibana_says_stays_one_line_and_moves_no_cursor(stand):
    assert problem(stand) == r"Kibana at URL answered 400: two\nlines \x1b[2J"


@answering({"/api/saved_objects/_import": (413, b"too large")})
def test_a_proxy_that_takes_no_large_file(stand):
    assert "doesn't accept so large a file: raise its limit" in problem(stand)


@answering({"/api/status": (302, b"")})
def test_no_redirect_is_followed(stand):
    """The password would go along."""
    assert problem(stand) == "URL redirects to https://kibana.shop.example/: give that address"


def test_a_server_that_breaks_off():
    with running({"/api/status": (200, AVAILABLE)}) as server:
        server.RequestHandlerClass = type("Silent", (Handler,), {"answer": None, "do_GET": lambda self: None})

        assert "no Kibana answers at URL (Remote end closed connection" in problem(server)


def test_a_password_is_in_no_error_and_no_record():
    where = Access(url="http://127.0.0.1:1", api_key="hidden2", password="hidden3")  # noqa: S106
    with pytest.raises(KibanaError) as caught:
        kibana.check_ready(where)

    assert "hidden" not in str(caught.value)
    assert not re.search("hidden[23]", repr(where))


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for loopback, and the file of the authority that signed it."""
    trustme = pytest.importorskip("trustme")
    made, folder = trustme.CA(), tmp_path_factory.mktemp("authority")
    made.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.issue_cert("127.0.0.1").configure_cert(context)
    return context, str(folder / "ca.pem")


def test_a_certificate_of_ones_own_authority_is_trusted_by_its_file(authority):
    context, ca_file = authority
    with running({"/api/status": (200, AVAILABLE)}, context) as server:
        where = Access(url=f"https://127.0.0.1:{server.port}", ca_file=ca_file)

        assert kibana.check_ready(where) == "9.5.3"


def test_a_certificate_that_is_not_trusted(authority):
    with running({}, authority[0]) as server, pytest.raises(KibanaError) as caught:
        kibana.check_ready(Access(url=f"https://127.0.0.1:{server.port}"))

    assert re.search(
        r"the certificate of \S+ isn't trusted \(.+\): set SLOWTASK\w+_CA_FILE to the PEM file of .+\.$",
        str(caught.value),
    )


def test_https_where_there_is_none(stand):
    with pytest.raises(KibanaError, match=r"doesn't speak TLS .*: is its address http://…\?"):
        kibana.check_ready(Access(url=f"https://127.0.0.1:{stand.port}"))


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_file_without_a_certificate(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"ca\.pem holds no certificate to trust"):
        kibana.check_ready(Access(url="https://127.0.0.1:1", ca_file=str(file)))


# make check-kibana


@pytest.fixture
def whole(monkeypatch):
    """The script's environment, and a Kibana that takes the real bundle and reads it back."""
    panels = {
        each["id"]: len(json.loads(each["attributes"]["panelsJSON"]))
        for each in map(json.loads, kibana.bundle().splitlines())
        if each["type"] == "dashboard"
    }
    answers = {"/api/status": (200, AVAILABLE), "/api/saved_objects/_import": (200, TAKEN)}
    for name, count in panels.items():
        answers[f"/api/dashboards/{name}"] = (200, {"id": name, "data": {"panels": [{}] * count}})
    with running(answers) as server:
        monkeypatch.setenv("SLOWTASK_KIBANA_URL", f"http://127.0.0.1:{server.port}")
        yield server


def test_the_check_passes_where_kibana_takes_and_reads_everything(whole, capsys):
    assert check.main() == 0
    assert capsys.readouterr().out.splitlines() == [
        "Kibana 9.5.3: 1 objects new, 1 replaced",
        "It read 3 dashboards back, with 0 warnings",
    ]


def test_the_check_fails_on_a_warning(whole, capsys):
    answer = {"data": {}, "warnings": [{"type": "dropped_panel", "message": "Unable to transform panel"}]}
    whole.answers["/api/dashboards/slowtask-queues"] = (200, answer)

    assert check.main() == 1
    assert capsys.readouterr().err == "slowtask-queues: Unable to transform panel\n"


def test_the_check_fails_on_a_panel_that_is_gone_without_a_word(whole, capsys):
    whole.answers["/api/dashboards/slowtask-queues"] = (200, {"data": {"panels": [{}]}})

    assert check.main() == 1
    assert re.match(r"slowtask-queues: it came back with 1 panels of \d+\n", capsys.readouterr().err)


def test_the_check_fails_where_the_import_does(whole, capsys):
    whole.answers["/api/saved_objects/_import"] = (200, refused({"type": "unsupported_type"}))

    assert check.main() == 1
    assert "refused dashboard slowtask-queues" in capsys.readouterr().err


def test_the_check_says_what_an_older_kibana_cannot_tell(whole, capsys):
    whole.answers["/api/status"] = (200, AVAILABLE | {"version": {"number": "8.19.4"}})

    assert check.main() == 0
    assert "It can't tell whether it drops a panel" in capsys.readouterr().out
