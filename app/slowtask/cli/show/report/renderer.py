"""Render charts in a process of their own, which starts while the logs are read.

vl-convert needs half a second of a core before its first chart, and holds Python meanwhile. The process gets
a specification as a line of JSON, and answers with the SVG as a line of JSON.
"""

import json
import subprocess
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from slowtask.cli.modules import module_command
from slowtask.cli.show.report.chart import load_renderer, render

COMMAND: Final = module_command("slowtask.cli.show.report.renderer")
#: The smallest specification: it makes vl-convert load all it needs.
SMALLEST: Final = {"data": {"values": []}, "mark": "point"}


class Renderer:
    """Renders by a child process; if that can't be started or ends, in this process.

    Raises `UsageError` if vl-convert isn't installed.

    Example:
        with Renderer() as renderer:
            history = store.history(query, leading_tasks)
            svg = renderer(specification)
    """

    def __init__(self) -> None:
        load_renderer()
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        with suppress(OSError):
            self._process = subprocess.Popen(
                COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )  # fmt: skip
        return self

    def __call__(self, specification: dict[str, Any]) -> str:
        """Render *specification* as SVG."""
        return self._ask(specification) or render(specification)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process:
            self._process.kill()
            with suppress(OSError):  # what a process that ended didn't take
                self._process.communicate()

    def _ask(self, specification: dict[str, Any]) -> str:
        """What the child answers; nothing if it ended."""
        if not self._process or not self._process.stdin or not self._process.stdout:
            return ""
        try:
            self._process.stdin.write(f"{json.dumps(specification)}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except OSError:
            return ""
        return str(json.loads(line)) if line.endswith("\n") else ""


def main() -> None:
    """Answer specifications until there are no more."""
    render(SMALLEST)
    for line in sys.stdin:
        print(json.dumps(render(json.loads(line))), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
