"""Parse the logs that DuckDB can't read, into CSV files that it can."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from slowtask.parse.sources import Source
from slowtask.store import BadLines, Guess

if TYPE_CHECKING:
    from slowtask.parse.items import Tally


class ParsedFiles:
    """The files that were parsed, and the CSV files made of them."""

    def __init__(self, folder: Path, *, date: date | None, timezone: tzinfo, full: bool = False) -> None:
        self._folder = folder
        self._full = full  #: also write what names a single run, and where it is
        self._date = date
        self._timezone = timezone
        self._csv_files: list[Path] = []
        self.sources: list[Source] = []  #: what has been parsed
        self.bad = BadLines()
        self.lines = 0  #: how many were parsed
        self.others: Counter[str] = Counter()  #: lines of other programs, by kind
        self.guessed: list[Guess] = []  #: the logs whose dates were guessed

    def parse(self, sources: Sequence[Source]) -> None:
        """Parse *sources*: their runs go to `csv_paths()`, lines that can't be read to `bad`."""
        if not sources:
            return
        from slowtask.parse.scan import scan  # noqa: PLC0415 - slow to import, and seldom needed

        folder = self._folder / f"parsed-{len(self.sources)}"
        folder.mkdir()
        tally = scan(sources, folder, date=self._date, timezone=self._timezone, full=self._full)
        self.sources += sources
        self._keep(tally)

    def parse_strays(self, source: Source, count: int) -> bool:
        """Parse the *count* strays of *source*; False if there aren't as many."""
        from slowtask.parse.strays import read_strays  # noqa: PLC0415 - see above

        target = self._folder / f"strays-{len(self._csv_files)}.csv"
        tally = read_strays(source, count, target, date=self._date, timezone=self._timezone, full=self._full)
        if tally is None:
            return False
        self._keep(tally)
        return True

    def _keep(self, tally: "Tally") -> None:
        """Remember what was parsed."""
        from slowtask.parse.items import Reason  # noqa: PLC0415 - see above

        self._csv_files += tally.files
        self.lines += tally.lines
        self.others.update({kind.value: count for kind, count in tally.skipped.items()})
        self.guessed += tally.guessed
        self.bad += BadLines(
            count=tally.unparsable.total() - tally.unparsable[Reason.STRANGE],
            examples=tuple(f"{name}:{each.line}: {each.sentence}" for name, each in tally.bad),
            strange=len({name for name, each in tally.bad if each.reason is Reason.STRANGE}),
        )

    def add(self, path: Path) -> None:
        """Take a CSV file of the same columns that something else has written."""
        self._csv_files.append(path)

    def csv_paths(self) -> list[str]:
        """The CSV files for DuckDB to read."""
        return [str(each) for each in self._csv_files]
