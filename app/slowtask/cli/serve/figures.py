"""What the pages of `slowtask serve` show, as the reading process returns it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from slowtask.cli.show.diff import View as DiffView
from slowtask.rank.link import LinkPattern
from slowtask.rank.ranking import Order, Task
from slowtask.record.sample import Alert, BrokerSample, QueueSample
from slowtask.store.history import History
from slowtask.store.profile import Profile
from slowtask.watch.settings import Thresholds
from slowtask.watch.verdict import Verdict
from slowtask.watch.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """A chart, drawn where the figures are read."""

    title: str
    text: str
    html: str  #: the legend and the SVG; empty if there is nothing to draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The page `/`."""

    history: History
    tasks: Sequence[Task]  #: in the order *by*
    by: Order
    group: str | None  #: the field whose values are ranked instead of tasks
    alerts: Sequence[Alert] = ()  #: what the monitor said, in order of time
    drawings: Sequence[Drawing] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFigures:
    """The page `/task/NAME`."""

    profile: Profile
    pattern: LinkPattern | None = None  #: of links to traces
    drawings: Sequence[Drawing] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The page `/diff`."""

    view: DiffView


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One poll of a broker with its verdict."""

    view: View
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """The page `/queues`."""

    origin: Literal["broker", "monitor", "elasticsearch", "nothing"]  #: where it comes from
    thresholds: Thresholds = field(default_factory=Thresholds)
    brokers: Sequence[Judged] = ()  #: if a broker was polled
    samples: Sequence[QueueSample | BrokerSample] = ()  #: the last of each queue and broker, by the monitor
    alerts: Sequence[Alert] = ()  #: those that last, by the monitor
    at: datetime | None = None  #: when the last poll was; None: never
    stale: bool = False  #: the monitor's last sample is so old that nothing is known of now
    note: str = ""  #: what isn't known, why, and what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """The page that is shown until the figures are read."""

    title: str  #: what is read: `the ranking`
    seconds: float  #: since it was asked for
    progress: float | None = None  #: a share from 0 to 1; None: not known
    ahead: int = 0  #: how many other pages are read before


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The page that says why there is no other."""

    status: int  #: of HTTP
    title: str
    message: str  #: what is wrong, and what to do
