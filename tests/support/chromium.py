"""A headless Chromium, driven through two pipes: what a page asks for, what it says on its console."""

import base64
import fcntl
import json
import os
import shutil
from contextlib import contextmanager

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip

#: Keys that write no letter: their number, and the text that Chromium wants.
KEYS = {
    "Enter": (13, "\r"), "Tab": (9, ""), "Escape": (27, ""), "ArrowDown": (40, ""), "ArrowUp": (38, ""),
}  # fmt: skip


class Chromium:
    """One page of it. Its events are kept: `events` has each as its method and parameters."""

    def __init__(self, folder):
        self.events = []
        self._count = 0
        self._rest = b""
        self._session = None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        self._pid = spawned(
            [PROGRAM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"], theirs_in, theirs_out
        )

    def __enter__(self):
        [page] = [
            each
            for each in self.call("Target.getTargets")["targetInfos"]
            if each["type"] == "page"
        ]  # fmt: skip
        attached = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        os.close(self._out)  # it ends when nobody can speak to it
        os.waitpid(self._pid, 0)
        os.close(self._in)

    def call(self, method, **parameters):
        """The result of one command."""
        self._count += 1
        command = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while (message := self._next()).get("id") != self._count:
            self.events.append((message["method"], message["params"]))
        if "error" in message:
            raise RuntimeError(message["error"]["message"])
        return message["result"]

    def _next(self):
        """The next message."""
        while b"\0" not in self._rest:
            if not (read := os.read(self._in, 1 << 20)):
                raise RuntimeError("Chromium has gone")
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, path, *, scheme="light", width=1100, height=900, phone=False):
        """Show the file or the URL *path*; returns once it is loaded."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone,
        )  # fmt: skip
        with self.loading():
            url = path if isinstance(path, str) else path.resolve().as_uri()
            self.call("Page.navigate", url=url)

    @contextmanager
    def loading(self):
        """Wait at the end of the block for the page that it leads to."""
        seen = len(self.events)
        yield
        while not any(method == "Page.loadEventFired" for method, _ in self.events[seen:]):
            message = self._next()
            self.events.append((message["method"], message["params"]))

    def press(self, *keys):
        """Press keys, one after the other: a letter, or a name such as `Enter`."""
        for key in keys:
            code, text = KEYS.get(key, (0, key))
            told = {"key": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
            self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def evaluate(self, script):
        """The value of a JavaScript expression on the page; of a promise, once it is kept."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def point(self, x, y):
        """Move the pointer there."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path, *, whole=True):
        """Write a PNG of the page to *path*."""
        found = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def requests(self):
        """The address of everything that was asked for."""
        return [
            told["request"]["url"] for method, told in self.events if method == "Network.requestWillBeSent"
        ]

    def said(self):
        """What stands on the console: messages, exceptions, what the browser complains of."""
        return [
            told for method, told in self.events
            if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")
        ]  # fmt: skip


def spawned(command, commands, answers):
    """The id of the process of *command*, with two pipes where Chromium wants them."""
    high = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (commands, answers)]  # out of the way of 3 and 4
    quiet = [(os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_RDWR, 0) for each in range(3)]
    pipes = [(os.POSIX_SPAWN_DUP2, each, place) for each, place in zip(high, (3, 4), strict=True)]
    try:
        return os.posix_spawn(command[0], command, os.environ, file_actions=[*quiet, *pipes])
    finally:
        for each in (*high, commands, answers):
            os.close(each)
