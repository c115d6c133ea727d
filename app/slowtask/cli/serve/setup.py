"""What `slowtask serve` was started with, as its processes need it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from pathlib import Path

from slowtask.parse.custom import NO_CUSTOM, CustomFormat
from slowtask.parse.sources import Source, is_address, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The sources and how to read them, and the broker to look at."""

    sources: tuple[str, ...] = ()
    day: date | None = None
    zone: tzinfo = UTC
    custom: CustomFormat = NO_CUSTOM
    urls: Mapping[str, str] = field(default_factory=dict)  #: of brokers; empty: no broker is polled
    config: Path | None = None  #: the monitor's settings

    @property
    def remote(self) -> bool:
        """Whether an Elasticsearch is read."""
        return any(map(is_address, self.sources))

    @property
    def words(self) -> str:
        """The sources as a person knows them, without a password."""
        return ", ".join(each.rpartition("@")[2] for each in self.sources) or "the logs in this folder"

    def find_logs(self) -> list[Source]:
        """Find the log files, with the monitor's if no sources are named. Raises `SlowtaskError`."""
        from slowtask.cli.report import monitor_samples

        return [*resolve(self.sources, self.custom), *([] if self.sources else monitor_samples())]
