"""What a server reports of itself: since when it runs, in which role, and whether it refuses writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Role = Literal["master", "replica"]
#: Why writes are refused: a failed snapshot, a failed write to the append-only file, no memory left, a
#: replica, too few replicas.
RefusalReason = Literal["snapshot", "append-only", "memory", "replica", "few-replicas"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server reports of itself. A field is None if it doesn't report it.

    Example:
        `ServerFacts(run_id="9f3c…", uptime=86_400, role="master", keys=5_120)`
    """

    run_id: str | None = None  #: another one after each restart
    uptime: int | None = None  #: seconds
    role: Role | None = None
    master: str | None = None  #: host and port of a replica's master
    link_up: bool | None = None  #: whether a replica is connected to its master; None for a master
    writes_refused: RefusalReason | None = None  #: why writes are refused now; None if nothing says so
    refusal_certain: bool = True  #: False if a setting decides it that this user may not read
    #: Writes refused since it started, by the first word of the error: `MISCONF`, `OOM`, …
    refused: Mapping[str, int] = field(default_factory=dict)
    evicted_keys: int | None = None  #: since it started
    expired_keys: int | None = None  #: since it started
    loaded_keys: int | None = None  #: from its disk when it started
    keys: int | None = None  #: in this database
    expiring_keys: int | None = None  #: those of *keys* that expire
