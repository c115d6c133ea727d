"""What `slowtask setup` reports: each thing that it looked after, and whether it changed it."""

from dataclasses import dataclass
from typing import Literal

Verb = Literal["created", "changed", "unchanged", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that was put in place, or that someone should know."""

    what: str
    verb: Verb
