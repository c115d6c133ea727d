"""What would help crowded queues, by a replay of the last hour: for `whatif --advise`, `status`, `monitor`.

`read_advice` replays in this process. `AdviceReader` starts a `slowtask whatif` each time, since DuckDB's
memory would stay with a monitor that runs for months.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from slowtask.cli.logs import open_store
from slowtask.cli.options import read_custom_format
from slowtask.cli.runs import SLOWTASK, run_command
from slowtask.cli.terminal import print_json
from slowtask.errors import SlowtaskError, SourceError
from slowtask.store import Query
from slowtask.watch.advice import Advice, sentence_of

if TYPE_CHECKING:
    from slowtask.store.columns import Columns

PERIOD: Final = timedelta(hours=1)


def read_advice(sources: Sequence[str]) -> Mapping[str, Advice]:
    """Advice by queue, from the runs of the last hour in *sources*; empty where they can't be replayed."""
    from slowtask.rank.advice import advise

    query = Query(since=datetime.now(UTC) - PERIOD)
    try:
        log = open_store(tuple(sources), None, UTC, read_custom_format()).columns(query)
    except SlowtaskError:
        return {}
    return advise(log, {})


def make_advise(sources: Sequence[str]) -> Callable[[str], str | None]:
    """Make a function that returns the advice for a queue in a sentence, or None.

    The first call reads and replays *sources* in this process, the others remember what it found.
    """
    read = cache(partial(read_advice, sources))
    return lambda queue: sentence_of(read().get(queue))


class AdviceReader:
    """Replays the last hour of *sources* with a new `slowtask whatif` each time."""

    def __init__(self, sources: Sequence[str]) -> None:
        self._command = [*SLOWTASK, "whatif", "--advise", "--json", "--since", "1h", *sources]

    def __call__(self) -> Mapping[str, Advice]:
        """Return advice by queue; empty where none was crowded. Raises `SourceError` if there is no log."""
        output = run_command(self._command)
        try:
            found = msgspec.json.decode(output, type=list[Advice])
        except msgspec.MsgspecError as error:
            raise SourceError(f"slowtask whatif printed something else than advice: {error}.") from None
        return {advice.queue: advice for advice in found}


def print_advice(log: "Columns", now: Mapping[str | None, int], *, as_json: bool) -> None:
    """Print the advice for each crowded queue of *log*, in sentences or as JSON."""
    from slowtask.rank.advice import advise

    found = list(advise(log, now).values())
    if as_json:
        print_json(found)
        return
    from slowtask.cli.show.advice import page
    from slowtask.cli.show.console import make_console

    console: Any = make_console()
    console.print(page(found))
