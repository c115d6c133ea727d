"""WATCH: the verdict of a poll: are flow, workers and broker well, and if not, why, and what to do.

`causes.py` has the table of all causes. A cause is looked for at each poll; what is found is a `Finding`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from slowtask.record import sample
from slowtask.record.sample import State
from slowtask.watch.blame import Blame

Part = Literal["flow", "workers", "broker"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
Level = sample.Level  #: from the best to the worst
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
WARNING: Final = 1.0  #: the value of a finding that has no figure of its own
CRITICAL: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a function of the table has seen of its cause, about one subject.

    A figure is compared with *warning* and *critical*. What has no figure is `WARNING` or `CRITICAL`, or 0 if
    all is well; None if that isn't known.
    """

    subject: str  #: the queue, worker, task or broker that it is about
    value: float | None
    warning: float | None = WARNING
    critical: float | None = CRITICAL
    lower_is_worse: bool = False  #: seconds that are left are worse the fewer they are
    words: Mapping[str, str] = field(default_factory=dict)  #: what the sentences of the table name
    queue: str | None = None
    task: str | None = None
    worker: str | None = None
    since: float | None = None  #: seconds since the epoch; None if not known
    commands: Sequence[str] = ()  #: to paste into a shell
    blame: Blame | None = None  #: whose runs fill the workers, by a label


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One cause about one subject, at one poll, as a person reads it."""

    name: str  #: of the cause, and of the alert: `workers-none`, `broker-capacity`, …
    subject: str  #: the queue, worker, task or broker that it is about
    value: float | None  #: None: unknown now, so the state of its alert stays
    warning: float | None  #: the value from which it is a warning
    critical: float | None
    lower_is_worse: bool = False
    message: str  #: what is the case
    todo: str = ""  #: the next step
    part: Part = "broker"
    commands: Sequence[str] = ()
    since: float | None = None  #: seconds since the epoch; None if not known
    task: str | None = None  #: to blame
    queue: str | None = None
    worker: str | None = None
    blame: Blame | None = None  #: whose runs fill the workers, by a label

    @property
    def key(self) -> tuple[str, str]:
        """The cause and its subject: the same at each poll."""
        return self.name, self.subject

    @property
    def state(self) -> State | None:
        """The state by the value alone; None where that is unknown."""
        if self.value is None:
            return None
        if self._reaches(self.critical):
            return "critical"
        return "warning" if self._reaches(self.warning) else "ok"

    @property
    def level(self) -> Level:
        """The state, or `unknown`."""
        return self.state or "unknown"

    @property
    def text(self) -> str:
        """What is the case, and the next step."""
        return f"{self.message} {self.todo}".rstrip()

    def _reaches(self, threshold: float | None) -> bool:
        """Whether the value is at *threshold*, or on its bad side."""
        if threshold is None or self.value is None or math.isnan(self.value):
            return False
        return self.value <= threshold if self.lower_is_worse else self.value >= threshold

    def threshold(self, state: State) -> float | None:
        """The value from which it is in *state*."""
        return {"warning": self.warning, "critical": self.critical}.get(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is found of one part."""

    part: Part
    level: Level
    findings: Sequence[Finding]  #: that aren't well, the worst first
    message: str = ""  #: why it is well or unknown, if nothing is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answers for all parts, and what comes first of all that is found."""

    answers: Sequence[Answer]
    first: Finding | None  #: the worst, and of equals the one that explains the others; None if all is well

    @property
    def level(self) -> Level:
        """The worst of all parts."""
        return max((answer.level for answer in self.answers), key=LEVELS.index)

    @property
    def message(self) -> str:
        """One line for a person: what is the case, and the next step."""
        if self.first:
            return self.first.text
        return " ".join(answer.message for answer in self.answers if answer.message)

    def of(self, part: Part) -> Answer:
        """Return the answer for *part*."""
        return next(answer for answer in self.answers if answer.part == part)


def make_verdict(found: Iterable[Finding], notes: Mapping[Part, tuple[Level, str]]) -> Verdict:
    """Make the verdict of all that is *found*, in order of precedence.

    *notes* say of each part whether it can be known, and what holds while nothing is wrong.
    """
    wrong = [finding for finding in found if finding.state in ("warning", "critical")]
    wrong.sort(key=lambda finding: -LEVELS.index(finding.level))  # stable: precedence decides among equals
    answers = [_answer(part, wrong, *notes[part]) for part in PARTS]
    return Verdict(answers=answers, first=wrong[0] if wrong else None)


def _answer(part: Part, wrong: Iterable[Finding], level: Level, message: str) -> Answer:
    """Make the answer for *part*."""
    mine = [finding for finding in wrong if finding.part == part]
    return Answer(part=part, level=mine[0].level if mine else level, findings=mine, message=message)
