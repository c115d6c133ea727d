"""A `slowtask serve` that tests ask, as a browser or another program would."""

import http.client
import os
import re
import signal
import sys
import time
from html import unescape
from typing import NamedTuple

from program import PATIENCE, Program, list_children

#: Settings of whoever runs the tests.
FOREIGN = ("SLOWTASK_", "RQ_", "CELERY_")


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict
    html: str

    @property
    def title(self):
        return unescape(re.search(r"<title>(.*?)</title>", self.html, re.DOTALL)[1])

    @property
    def text(self):
        """The page without its tags, style and script."""
        shown = re.sub(r"<(style|script)>.*?</\1>|<wbr>", "", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]*>", " ", shown)).split())


class Served(Program):
    """The command in *folder*, with *arguments*; `with` starts and ends it."""

    def __init__(self, folder, *arguments, **variables):
        super().__init__(folder, "serve.log")
        self._arguments = [str(each) for each in arguments]
        plain = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self._environ = plain | variables
        self.status = None  #: of its end

    def __enter__(self):
        command = [sys.executable, "-m", "slowtask", "serve", "--listen", "127.0.0.1:0", *self._arguments]
        (self.folder / "serve.log").unlink(missing_ok=True)
        self.run(command, lambda: " (Ctrl-C" in self.log, cwd=self.folder, env=self._environ)
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, by=signal.SIGTERM):
        process = self._process
        super().stop(by)
        self.status = process.returncode if process else self.status

    @property
    def url(self):
        """What it printed."""
        return re.search(r"http\S+", self.log)[0]

    @property
    def port(self):
        return int(re.search(r"http://[^/]*:(\d+)/", self.log)[1])

    @property
    def pid(self):
        return self._process.pid

    def children(self, module=""):
        """The numbers of its processes that run *module*."""
        return list_children(self.pid, module)

    def ask(self, target, method="GET", **headers):
        """Ask once; an underscore in a header's name is a hyphen."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, headers=named)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read().decode())
        finally:
            connection.close()

    def get(self, target, until=lambda answer: answer.status != 202, **headers):
        """Ask again and again, as the waiting page does, *until* the answer is there."""
        end = time.monotonic() + PATIENCE
        while not until(answer := self.ask(target, **headers)):
            if time.monotonic() > end:
                raise RuntimeError(f"{target} still waits: {answer.text}\n{self.log[-2000:]}")
            time.sleep(0.05)
        return answer
