"""What DuckDB can't read goes through the parser, which leaves CSV files of runs for it."""

from collections.abc import Sequence
from datetime import date, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from slowtask.parse.sources import Source
from slowtask.store import Bad

if TYPE_CHECKING:
    from slowtask.parse.items import Tally


class Foreign:
    """The parsed files of one reading."""

    def __init__(self, folder: Path, *, date: date | None, timezone: tzinfo) -> None:
        self._folder = folder
        self._date = date
        self._timezone = timezone
        self._files: list[Path] = []
        self.sources: list[Source] = []  #: what has been parsed
        self.bad = Bad()

    def parse(self, sources: Sequence[Source]) -> None:
        """Parse *sources*: their runs are added to `names()`, what is no run to `bad`."""
        if not sources:
            return
        from slowtask.parse.scan import scan  # noqa: PLC0415 - slow to import, and seldom needed

        folder = self._folder / f"parsed-{len(self.sources)}"
        folder.mkdir()
        tally = scan(sources, folder, date=self._date, timezone=self._timezone)
        self.sources += sources
        self._add(tally)

    def parse_strays(self, source: Source, count: int) -> bool:
        """Parse the *count* lines of *source* that aren't ours; False where they aren't found."""
        from slowtask.parse.strays import read_strays  # noqa: PLC0415 - see above

        target = self._folder / f"strays-{len(self._files)}.csv"
        tally = read_strays(source, count, target, date=self._date, timezone=self._timezone)
        if tally is None:
            return False
        self._add(tally)
        return True

    def _add(self, tally: "Tally") -> None:
        """Keep what was found."""
        self._files += tally.files
        self.bad += Bad(
            count=tally.unparsable.total(),
            examples=tuple(f"{name}:{each.line}: {each.sentence}" for name, each in tally.bad),
        )

    def names(self) -> list[str]:
        """The files for DuckDB to read."""
        return [str(each) for each in self._files]
