"""WATCH: from what is judged to what is told: states with hysteresis, without repeats. Time is passed in.

An alarm goes up at once, and down only when its value has stayed below the threshold by a margin for a while:
so it doesn't flap. It is told when its state changes, and again after `Rules.repeat` seconds while it lasts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from slowtask.record.sample import State

STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to tell."""

    margin: float = 0.05  #: a state is left only this far below its threshold, as a share of it
    calm: float = 60.0  #: seconds that the value must stay there
    repeat: float = 3600.0  #: seconds before a state that lasts is told again


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was judged of one thing at one moment."""

    name: str  #: `broker-capacity`, `queue-load`, …
    subject: str  #: the broker's or queue's name
    value: float | None  #: None: it can't be seen now, and the state stays
    warning: float | None  #: the value from which it is a warning
    critical: float | None
    lower_is_worse: bool = False  #: seconds that are left are worse the fewer they are
    message: str  #: what a person reads: the figures, the forecast, the tasks to blame
    task: str | None = None  #: to blame
    queue: str | None = None

    @property
    def state(self) -> State | None:
        """What the value alone says; None where there is none."""
        if self.value is None:
            return None
        if self._reaches(self.critical):
            return "critical"
        return "warning" if self._reaches(self.warning) else "ok"

    def _reaches(self, threshold: float | None) -> bool:
        """Whether the value is at *threshold*, or on its bad side."""
        if threshold is None or self.value is None:
            return False
        return self.value <= threshold if self.lower_is_worse else self.value >= threshold

    def threshold(self, state: State) -> float | None:
        """The value from which it is in *state*."""
        return {"warning": self.warning, "critical": self.critical}.get(state)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One thing's state, and what was told of it."""

    state: State = "ok"
    since: float = 0.0  #: seconds: when it came into this state
    told: float = 0.0  #: when that was last told
    below: float | None = None  #: since when its value has been low enough to leave the state


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Something to tell."""

    finding: Finding
    state: State
    kind: Literal["change", "repeat"]
    before: State
    lasted: float  #: seconds in the state before


@dataclass(slots=True)
class Alarms:
    """All alarms, by what they are about."""

    rules: Rules = field(default_factory=Rules)
    alarms: dict[tuple[str, str], Alarm] = field(default_factory=dict)

    def take(self, findings: Iterable[Finding], now: float) -> list[Told]:
        """What *findings* at *now* (seconds, any monotonic clock) give to tell."""
        found = []
        for finding in findings:
            key = (finding.name, finding.subject)
            alarm = self.alarms.get(key, Alarm(since=now, told=now))
            self.alarms[key], told = step(alarm, finding, now, self.rules)
            found += [told] if told else []
        return found

    def worst(self) -> State:
        """The worst state of all."""
        return max((each.state for each in self.alarms.values()), key=STATES.index, default="ok")

    def forget(self, subjects: Sequence[str]) -> None:
        """Drop the alarms that are about none of *subjects*: queues that are gone."""
        self.alarms = {key: alarm for key, alarm in self.alarms.items() if key[1] in subjects}


def step(alarm: Alarm, finding: Finding, now: float, rules: Rules) -> tuple[Alarm, Told | None]:
    """*alarm* after *finding*, and what there is to tell."""
    wanted = finding.state
    if wanted is None:
        return alarm, None
    if STATES.index(wanted) > STATES.index(alarm.state):
        return _changed(alarm, finding, wanted, now)
    if wanted == alarm.state:
        return _same(replace(alarm, below=None), finding, now, rules)
    if not _low_enough(alarm, finding, rules):
        return _same(replace(alarm, below=None), finding, now, rules)
    below = now if alarm.below is None else alarm.below
    if now - below < rules.calm:
        return _same(replace(alarm, below=below), finding, now, rules)
    return _changed(alarm, finding, wanted, now)


def _changed(alarm: Alarm, finding: Finding, state: State, now: float) -> tuple[Alarm, Told]:
    """The alarm in its new *state*, which is told."""
    told = Told(finding=finding, state=state, kind="change", before=alarm.state, lasted=now - alarm.since)
    return Alarm(state=state, since=now, told=now), told


def _same(alarm: Alarm, finding: Finding, now: float, rules: Rules) -> tuple[Alarm, Told | None]:
    """The alarm that stays; told again where it has lasted."""
    if alarm.state == "ok" or now - alarm.told < rules.repeat:
        return alarm, None
    told = Told(
        finding=finding, state=alarm.state, kind="repeat", before=alarm.state, lasted=now - alarm.since
    )
    return replace(alarm, told=now), told


def _low_enough(alarm: Alarm, finding: Finding, rules: Rules) -> bool:
    """Whether the value is so far below the threshold of the alarm's state that it may be left."""
    threshold, value = finding.threshold(alarm.state), finding.value
    if threshold is None or value is None:
        return True
    if finding.lower_is_worse:
        return value > threshold * (1 + rules.margin)
    return value < threshold * (1 - rules.margin)
