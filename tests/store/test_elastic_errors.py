"""What a person reads when Elasticsearch can't be used: one line, with the cause and the next step."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner

from slowtask import cli
from slowtask.errors import ElasticsearchError, UsageError
from slowtask.store import Query
from slowtask.store.elastic.access import Access, read_secret
from slowtask.store.elastic.client import check_version, connect
from slowtask.store.elastic.store import Elastic


def told(access):
    with pytest.raises(ElasticsearchError) as raised:
        Elastic(access).measure(Query())
    text = str(raised.value)
    assert "\n" not in text
    return text


def test_unreachable():
    assert "can't be reached (Connection refused): is" in told(Access(url="http://127.0.0.1:1"))


def test_a_wrong_password(access):
    assert "refuses the name, password or API key" in told(replace(access, password="wrong"))  # noqa: S106


def test_tls_that_is_not_trusted(access):
    assert "isn't trusted: set SLOWTASK_ELASTICSEARCH_CA_FILE to the PEM file" in told(
        replace(access, ca_file=None)
    )


def test_http_where_https_is_spoken(access):
    assert "it may want https://" in told(replace(access, url=access.url.replace("https", "http")))


def test_an_api_key_is_enough(elasticsearch, access):
    key = elasticsearch.security.create_api_key(name="test")["encoded"]
    client = connect(replace(access, username=None, password=None, api_key=key))

    assert check_version(client, access)
    assert client.security.authenticate()["authentication_type"] == "api_key"


def test_a_wrong_api_key(access):
    assert "refuses the name, password or API key" in told(
        replace(access, username=None, password=None, api_key="d3Jvbmc6a2V5")
    )


@pytest.fixture
def server():
    """Starts an HTTP server that answers each request with the given status, headers and body."""
    servers = []

    def start(status, headers, body):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                for name, value in ({"content-type": "application/json"} | headers).items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        httpd = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        servers.append(httpd)
        return Access(url=f"http://127.0.0.1:{httpd.server_port}")

    yield start
    for httpd in servers:
        httpd.shutdown()
        httpd.server_close()


ELASTIC = {"X-Elastic-Product": "Elasticsearch"}


def test_an_elasticsearch_that_is_too_old(server):
    access = server(200, ELASTIC, '{"version": {"number": "8.18.4"}}')

    assert told(access).endswith("is Elasticsearch 8.18.4: slowtask needs 8.19 or newer.")


def test_an_elasticsearch_that_does_not_know_the_client_s_media_type(server):
    body = (
        '{"error": {"root_cause": [{"type": "media_type_header_exception", "reason": "x"}]}, "status": 400}'
    )

    assert "slowtask needs 8.19 or newer" in told(server(400, ELASTIC, body))


def test_an_opensearch(server):
    body = '{"version": {"distribution": "opensearch", "number": "2.19.0"}}'

    assert "not OpenSearch" in told(server(200, {}, body))


def test_something_else_entirely(server):
    assert "doesn't answer as Elasticsearch does" in told(server(404, {}, "<html>not\x1b[31m here</html>"))


@pytest.mark.parametrize(
    "body", ["[]", "{}", '{"version": {"number": null}}', '{"version": {"number": "\\u001b[31m9.1"}}']
)
def test_a_version_that_is_none_is_told(server, body):
    access = server(200, {"x-elastic-product": "Elasticsearch"}, body)

    assert "doesn't answer as Elasticsearch does: check the address" in told(access)


def test_a_refusal_without_a_reason_is_told(server):
    assert "answered 500 and no reason: check the address" in told(server(500, {}, ""))


def test_another_protocol_is_told():
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        pool.submit(greet, listener)
        shown = told(Access(url=f"http://127.0.0.1:{listener.getsockname()[1]}"))
        listener.shutdown(socket.SHUT_RDWR)

    assert "doesn't answer as Elasticsearch does" in shown


def greet(listener):
    """Answer each connection as a server of another protocol does, until the *listener* is shut down."""
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"220 mail.example.org ESMTP\r\n")


def test_an_address_that_is_none_is_refused_without_its_password():
    with pytest.raises(UsageError, match="isn't the address of a server") as raised:
        Access.from_address("https://elastic:secret@host:port")

    assert "secret" not in str(raised.value)


def test_the_login_is_the_address_s_own_before_the_environment_s():
    environment = {"SLOWTASK_ELASTICSEARCH_USERNAME": "u", "SLOWTASK_ELASTICSEARCH_PASSWORD": "p"}

    own = Access.from_address("https://me:p%40ss@host", environment)
    theirs = Access.from_address("https://host:1/logs-slowtask.run-x", environment)

    assert (own.username, own.password, own.url) == ("me", "p@ss", "https://host:9200")
    assert (theirs.username, theirs.password, theirs.path) == ("u", "p", "logs-slowtask.run-x")
    assert "p@ss" not in repr(own)


def test_a_password_may_lie_in_a_file(tmp_path):
    (tmp_path / "password").write_text("from the file\n")

    assert read_secret("X", {"X_FILE": str(tmp_path / "password")}) == "from the file"
    with pytest.raises(UsageError, match=r"X_FILE=.* can't be read"):
        read_secret("X", {"X_FILE": str(tmp_path / "nothere")})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["top", "http://127.0.0.1:1", "worker.log"], "name it alone"),
        (["parse", "https://user:secret@host"], "host holds events already: slowtask top"),
        (["setup"], "needs --elasticsearch, --kibana or both"),
        (["setup", "--elasticsearch", "elastic"], "isn't the address of a server"),
        (["setup", "--elasticsearch", "http://127.0.0.1:1", "--retention", "1y"], "isn't a period"),
    ],
)
def test_wrong_use_is_told(arguments, said):
    result = CliRunner().invoke(cli.slowtask, arguments)

    assert isinstance(result.exception, UsageError)
    assert said in str(result.exception)
    assert "secret" not in str(result.exception)
