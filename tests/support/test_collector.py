"""The Collector of the tests is a real one: what it is sent it hands on, and it says why it can't start."""

import json
import urllib.request

import pytest
from conftest import wait_until

from collector import Collector, CollectorError

pytestmark = pytest.mark.server


def hand_on(path):
    """A configuration that writes the logs that come by OTLP into the file at *path*."""
    return {
        "receivers": {"otlp": {}},
        "exporters": {"file": {"path": str(path), "append": True}},
        "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["file"]}}},
    }


def send_log(url, text):
    """Send one log record by OTLP over HTTP."""
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}]}
    request = urllib.request.Request(f"{url}/v1/logs", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=30).close()


def test_a_log_record_goes_through_it_also_after_a_restart(tmp_path):
    written = tmp_path / "records.json"
    with Collector(tmp_path, hand_on(written)) as collector:
        send_log(collector.http, "first")
        collector.stop()
        collector.start()
        send_log(collector.http, "second")

        wait_until(lambda: "second" in written.read_text())
        assert "first" in written.read_text()


def test_an_unknown_component_is_an_error_that_names_it(tmp_path):
    configuration = hand_on(tmp_path / "records.json") | {"receivers": {"nosuch": {}}}

    with pytest.raises(CollectorError, match="nosuch"):
        Collector(tmp_path, configuration).start()
