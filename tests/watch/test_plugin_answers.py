"""What answers in the place of RabbitMQ's management plugin may send anything: it becomes an error."""

import http.server
import threading
from contextlib import suppress

import pytest

from slowtask.watch.broker import management
from slowtask.watch.broker.management import Management, ManagementError

pytestmark = pytest.mark.server
BLOCK = b"x" * 65_536


@pytest.fixture
def answer():
    """Serve with a status what a function yields."""
    servers = []

    def serve(status, blocks):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                with suppress(OSError):  # the reader has had enough
                    for block in blocks():
                        self.wfile.write(block)

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        servers[-1].daemon_threads = True
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return Management(f"http://127.0.0.1:{servers[-1].server_port}", "monitor", "secret")

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def endless():
    while True:
        yield BLOCK


@pytest.mark.parametrize("status", [200, 500])
def test_an_endless_answer_is_read_to_its_limit(answer, monkeypatch, status):
    monkeypatch.setattr(management, "MAX_ANSWER", 1 << 20)

    with pytest.raises(ManagementError, match=r"management plugin"):
        answer(status, endless).read_nodes()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("text", [b"[" * 200_000, b'{"reason":' * 100_000, b"\xff\xfe", b"null"])
def test_an_answer_that_is_none_is_an_error_in_words(answer, status, text):
    with pytest.raises(ManagementError, match=r"management plugin"):
        answer(status, lambda: [text]).read_nodes()


def test_what_a_stranger_gives_as_a_reason_is_one_short_line(answer):
    reason = b'{"reason": "\\u001b[31m' + b"x" * 100_000 + b'\\nsecond"}'
    with pytest.raises(ManagementError) as refused:
        answer(500, lambda: [reason]).read_nodes()

    message = str(refused.value)
    assert "\x1b" not in message
    assert "\n" not in message
    assert len(message) < 1000
