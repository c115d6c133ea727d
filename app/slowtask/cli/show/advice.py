"""Render advice: a sentence for each crowded queue, and what it leaves out."""

from collections.abc import Sequence
from typing import Final

from rich.console import Group
from rich.text import Text

from slowtask.watch.advice import Advice

NOT_CROWDED: Final = "No queue was crowded: more workers would change nothing."
MISSING: Final = "Jobs that still wait or run aren't in the log: in a queue that grows, waits are longer."


def page(found: Sequence[Advice]) -> Group:
    """The advice for each queue, in bold where a change helps; the text is never taken for markup."""
    sentences = (Text(advice.sentence, style="bold" if advice.reliable else "") for advice in found)
    return Group(*sentences, Text(MISSING if found else NOT_CROWDED, style="dim"))
