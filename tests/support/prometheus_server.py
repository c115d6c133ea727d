"""A real Prometheus that scrapes one address."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from slowtask.demo.server import free_port

PATIENCE = 60.0  #: seconds until what doesn't come is a failure
CONFIGURATION = """
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}}
rule_files: {rules}
scrape_configs:
  - job_name: slowtask
    {native}
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def find_program(name):
    """Where *name*, a program of Prometheus, is; None without it."""
    return shutil.which(name)


def is_old():
    """Whether Prometheus 2 is installed; one that `go install` made tells no version, and is newer."""
    command = [find_program("prometheus"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return bool(re.search(r"version 2\.", done.stdout + done.stderr))


class Prometheus:
    """Scrapes `/metrics` of *port* on this machine: `with Prometheus(folder, port) as prometheus:`."""

    def __init__(self, folder, port, *, native, rules=()):
        self._folder = folder
        self._port = free_port()
        old = is_old()
        self._options = ["--enable-feature=native-histograms"] if native and old else []
        values = {"native": "" if old else f"scrape_native_histograms: {json.dumps(native)}", "port": port}
        text = CONFIGURATION.format(rules=json.dumps([str(each) for each in rules]), **values)
        (folder / "prometheus.yml").write_text(text)

    def __enter__(self):
        command = [
            find_program("prometheus"), f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/data", f"--web.listen-address=127.0.0.1:{self._port}",
            *self._options,
        ]  # fmt: skip
        with (self._folder / "prometheus.log").open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        self.wait_for(self._is_ready)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait()

    def _is_ready(self):
        try:
            return self._get("/-/ready")
        except OSError:
            return None

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}") as answer:
            return answer.read()

    def query(self, text):
        """The samples of a query now: by their labels the number as text, or the native histogram."""
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': text})}"
        result = json.loads(self._get(path))["data"]["result"]
        return [(each["metric"], each.get("histogram", each.get("value"))[1]) for each in result]

    def numbers(self, text, *labels):
        """The numbers of a query by the values of *labels*."""
        return {
            tuple(labels_of.get(each, "") for each in labels): float(n) for labels_of, n in self.query(text)
        }

    def number(self, text):
        """The only number of a query; None without one."""
        found = self.query(text)
        return float(found[0][1]) if found else None

    def wait_for(self, condition):
        """What *condition* returns as soon as that is true."""
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert self._process.poll() is None, (self._folder / "prometheus.log").read_text()
            assert time.monotonic() < end, (self._folder / "prometheus.log").read_text()
            time.sleep(0.1)
        return found
