"""A real HTTP server that a channel sends to: it answers with what a test sets, or hangs."""

import http.server
import json
import threading


class Web:
    """Takes POSTs: it answers with *statuses*, then 200, and hangs while *answering* isn't set."""

    def __init__(self, statuses=()):
        outer = self
        self.status, self.statuses, self.got, self.tries = 200, list(statuses), [], 0
        self.answering = threading.Event()
        self.answering.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["content-length"]))
                outer.tries += 1
                outer.answering.wait()
                status = outer.statuses.pop(0) if outer.statuses else outer.status
                if status == 200:
                    outer.got.append(json.loads(text))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://127.0.0.1:{self.server.server_port}"

    def titles(self):
        return [each["title"] for each in self.got]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answering.set()
        self.server.shutdown()
        self.server.server_close()
