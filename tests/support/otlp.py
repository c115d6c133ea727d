"""What was sent by OTLP: to a small receiver, which refuses when it is told to, or to a real Collector."""

import gzip
import struct
import threading
from collections import Counter, defaultdict
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from slowtask.otel import attributes

KINDS = {
    "/v1/logs": ExportLogsServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/traces": ExportTraceServiceRequest,
}


class Received:
    """What was received, decoded."""

    def __init__(self):
        self.requests = defaultdict(list)  #: by path

    @property
    def logs(self):
        """The log records, in order, each as (resource, record) with attributes as dicts."""
        return [
            (attributes_of(part.resource), record, attributes_of(record))
            for request in self.requests["/v1/logs"]
            for part in request.resource_logs
            for scope in part.scope_logs
            for record in scope.log_records
        ]

    @property
    def events(self):
        """How often each `event.id` came as a log record."""
        return Counter(attributes["event.id"] for _, _, attributes in self.logs)

    @property
    def spans(self):
        return [
            (attributes_of(part.resource), span, attributes_of(span))
            for request in self.requests["/v1/traces"]
            for part in request.resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]

    def metrics(self, name):
        """The points of the last state of a metric: (attributes of its resource, attributes, point)."""
        series = {}
        for request in self.requests["/v1/metrics"]:
            for part in request.resource_metrics:
                resource = attributes_of(part.resource)
                for metric in (each for scope in part.scope_metrics for each in scope.metrics):
                    if metric.name == name:
                        for point in getattr(metric, metric.WhichOneof("data")).data_points:
                            attributes = attributes_of(point)
                            key = repr((sorted(resource.items()), sorted(attributes.items())))
                            series[key, point.start_time_unix_nano] = resource, attributes, point
        return list(series.values())


class Receiver(Received):
    """What a receiver has got so far."""

    def __init__(self):
        super().__init__()
        self.refuse_from = None  #: bytes of a request from which on it is refused; None: nothing is
        self.address = ""


#: What a Collector does that writes all that it gets into files of its folder, for `read_files`.
TO_FILES = {
    "receivers": {"otlp": {}},
    "exporters": {
        f"file/{signal}": {"path": f"{signal}.proto", "format": "proto", "append": True}
        for signal in ("logs", "metrics", "traces")
    },
    "service": {
        "pipelines": {
            signal: {"receivers": ["otlp"], "exporters": [f"file/{signal}"]}
            for signal in ("logs", "metrics", "traces")
        }
    },
}


def read_files(folder):
    """Read what a Collector with `TO_FILES` has written: its length, then the message, again and again."""
    received = Received()
    for path, kind in KINDS.items():
        file = folder / f"{path.removeprefix('/v1/')}.proto"
        data = file.read_bytes() if file.exists() else b""
        while len(data) >= 4 and len(data) >= 4 + (size := struct.unpack(">I", data[:4])[0]):
            received.requests[path].append(kind.FromString(data[4 : 4 + size]))
            data = data[4 + size :]
    return received


def attributes_of(holder):
    """Attributes as a dict."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        receiver = self.server.receiver
        refused = receiver.refuse_from is not None and len(body) >= receiver.refuse_from
        if not refused:
            receiver.requests[self.path].append(KINDS[self.path].FromString(body))
        self.send_response(400 if refused else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def forget_resources():
    """Have the variables of OpenTelemetry read again, which are read once in a process."""
    attributes._own_resource.cache_clear()  # noqa: SLF001 - the cache
    attributes.resource_of.cache_clear()


@contextmanager
def receive():
    """A receiver that runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.receiver = receiver = Receiver()
    receiver.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
