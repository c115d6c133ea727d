"""`slowtask parse --explain`: show how one line is read."""

import os
import sys
from datetime import date, datetime, tzinfo
from typing import Any, Final

from slowtask.parse.custom import CustomFormat
from slowtask.parse.format import MAX_LINE_LENGTH
from slowtask.parse.times import DateTracker
from slowtask.units import capitalize, printable

STDIN: Final = "-"


def explain_line(line: str, day: date | None, zone: tzinfo, custom: CustomFormat) -> bool:
    """Print how *line* is read, or the first line of stdin for `-`. Returns whether it is known."""
    from slowtask.cli.show.console import make_console
    from slowtask.cli.show.explanation import page
    from slowtask.parse.explain import explain

    text = sys.stdin.buffer.readline(MAX_LINE_LENGTH) if line == STDIN else os.fsencode(line)
    first = DateTracker(day or datetime.now(zone).date(), guessed=day is None)
    explanation = explain(text.lstrip(b"\n").split(b"\n")[0], lambda _: first, zone, custom)
    console: Any = make_console()
    console.print(page(explanation))
    for each in explanation.advice:  # which is for copying, so only the terminal may wrap it
        console.print(f"{capitalize(printable(each))}.", soft_wrap=True, markup=False)
    return explanation.known
