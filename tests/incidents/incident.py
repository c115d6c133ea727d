"""What an incident is: how it is staged, and what a good colleague would say after one look."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incidents.said import Said
    from incidents.site import Site

WARNED = ("warning", "critical")


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One incident of the lab."""

    number: str  #: as in the table of the nights on call; a letter for each further system
    title: str
    should: str  #: what a good colleague says
    stage: Callable[["Site"], None]  #: runs normal traffic, has it watched, breaks something, calls `broke`
    causes: tuple[str, ...] = ()  #: each right, as `alert.name`; without any it must stay quiet
    states: tuple[str, ...] = WARNED
    words: tuple[str, ...] = ()  #: patterns that the sentence must hold
    never: tuple[str, ...] = ()  #: patterns that nothing of what is said may hold
    within: float = 15.0  #: seconds after it broke; how long it must stay quiet
    one_shot: bool = True  #: whether one `slowtask status` sees it too, without the monitor's memory
    proof: Callable[["Said"], str | None] = field(default=lambda said: None)  #: what else is wrong
    proof_needs_time: bool = False  #: whether to listen to the end, even if it was told
    rare: bool = False  #: one of the slowest, or a variant: left out of `make test`

    @property
    def quiet(self) -> bool:
        """Whether nobody may be woken."""
        return not self.causes
