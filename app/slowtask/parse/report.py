"""PARSE: what a reader reports: lines that it can't use, and how many other programs wrote."""

import re
from collections import Counter
from typing import Final

from slowtask.parse.chatter import Kind, find_kind
from slowtask.parse.format import Context
from slowtask.parse.items import OwnRun, Reason, make_unparsable
from slowtask.parse.ndjson import OWN_LINE_START, decode_exact, split_at_own_lines
from slowtask.parse.strange import describe_strange

CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
MAX_STRANGERS: Final = 3  #: lines that are shown of a log in which nothing is known


class Report:
    """Reports what can't be used of one log."""

    def __init__(self, context: Context) -> None:
        self.skipped: Counter[Kind] = Counter()  #: lines of other programs, by kind
        self.strange = 0  #: lines of which nothing is known, blank ones among them
        self._context = context
        #: The first of them, each with the names of what carried it and its place.
        self._strangers: list[tuple[bytes, tuple[str, ...], int, int]] = []

    def set_aside(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """Report a line that can't be read."""
        self._context.emit(make_unparsable(reason, line, number, offset, detail))

    def refuse(self, reason: Reason, line: bytes, number: int, offset: int, detail: str = "") -> None:
        """Set aside a line that can't be read, except for whole lines of ours behind its torn beginning."""
        if line.find(OWN_LINE_START, 1) < 0 or reason in (Reason.FOREIGN, Reason.FIELD):
            self.set_aside(reason, line, number, offset, detail)
            return
        for place, part in split_at_own_lines(line):
            run = decode_exact(part) if part.startswith(b"{") else None
            if run is None:
                self.set_aside(Reason.TORN if part.startswith(b"{") else reason, part, number, offset + place)
            else:
                self._context.emit(OwnRun(run, number, offset + place))

    def refuse_unknown(self, line: bytes, number: int, offset: int) -> None:
        """Report a line that may tell of a run, in no format that is known."""
        self.refuse(Reason.BINARY if CONTROL.search(line) else Reason.UNKNOWN, line, number, offset)

    def pass_over(self, line: bytes, number: int, offset: int) -> None:
        """Count a line of another program, or the output of a task."""
        self.skipped[find_kind(line)] += 1
        self.strange += 1
        self.meet(line, number, offset)

    def meet(self, line: bytes, number: int, offset: int) -> None:
        """Keep *line*, if it is one of the first of which nothing is known."""
        known = any(offset == each[-1] for each in self._strangers)
        if len(self._strangers) < MAX_STRANGERS and not known:
            envelope = self._context.envelope
            self._strangers.append((line, envelope.wrappers if envelope else (), number, offset))

    def report_strange(self) -> None:
        """Report the first lines of a log in which nothing is known, and what the first looks like."""
        for place, (line, wrappers, number, offset) in enumerate(self._strangers):
            detail = "" if place else describe_strange(line, wrappers, self._context.custom)
            kind = find_kind(line)
            self.skipped[kind] = max(0, self.skipped[kind] - 1)
            self.set_aside(Reason.STRANGE, line, number, offset, detail)
