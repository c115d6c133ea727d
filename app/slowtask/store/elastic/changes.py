"""Define what `slowtask setup` reports of each thing that it sets up."""

from dataclasses import dataclass
from typing import Literal

Verb = Literal["created", "changed", "unchanged", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep:
    """One thing that was set up, or a note for the user."""

    what: str
    verb: Verb
