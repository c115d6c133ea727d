"""Stands in for the Collector's Elasticsearch exporter, which the Go proxy doesn't serve.

It takes OTLP, and stores each record as the exporter's documentation says of `mode: bodymap` with
`logs_dynamic_id`: the body is the document, `elasticsearch.document_id` its id, and a document is never
replaced.
"""

import http.server
import json
import threading

from elasticsearch import helpers

KINDS = {"stringValue": str, "intValue": int, "boolValue": bool, "doubleValue": float}


class BodyMap:
    """Listens at *port* while it is entered; stores in the data stream *index* of *client*."""

    def __init__(self, client, index, port):
        self.client, self.index, self.port = client, index, port
        self.statuses = []  #: that Elasticsearch gave, in order
        self.seen = threading.Event()

    def __enter__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                text = self.rfile.read(int(self.headers["content-length"]))
                outer.store(json.loads(text))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def store(self, request):
        """Create the documents of one OTLP request."""
        actions = [self._action(record) for record in records(request)]
        for _, answer in helpers.streaming_bulk(self.client, actions, raise_on_error=False):
            self.statuses.append(answer["create"]["status"])
        self.seen.set()

    def _action(self, record):
        attributes = plain({"kvlistValue": {"values": record.get("attributes", [])}})
        return {
            "_op_type": "create",
            "_index": self.index,
            "_id": attributes["elasticsearch.document_id"],
            "_source": plain(record["body"]),
        }


def records(request):
    """The log records of an OTLP request."""
    for resource in request["resourceLogs"]:
        for scope in resource["scopeLogs"]:
            yield from scope["logRecords"]


def plain(value):
    """An OTLP value as JSON has it."""
    [(kind, content)] = value.items()
    if kind == "kvlistValue":
        return {each["key"]: plain(each["value"]) for each in content.get("values", [])}
    if kind == "arrayValue":
        return [plain(each) for each in content.get("values", [])]
    return KINDS[kind](content)
