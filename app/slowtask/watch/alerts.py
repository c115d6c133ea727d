"""WATCH: when an alert begins, when it is repeated, and when it is resolved.

An alert begins at once. It is resolved only after its value has stayed on the good side of the threshold, by
a margin, for `Rules.calm` seconds: so it doesn't flap. While it lasts it is repeated every `Rules.repeat`
seconds. Time is passed in.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

from slowtask.record.sample import State
from slowtask.watch.verdict import Finding

Key = tuple[str, str]  #: the name of an alert, and its subject
STATES: Final[tuple[State, ...]] = get_args(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When to notify."""

    margin: float = 0.05  #: how far from its threshold a value must be to resolve, as a share of it
    calm: float = 60.0  #: seconds that the value must stay there
    repeat: float = 3600.0  #: seconds between two notifications of a state that lasts


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertState:
    """The state of one alert."""

    state: State = "ok"
    since: float = 0.0  #: seconds: when it entered this state
    notified: float = 0.0  #: seconds: when that was last sent
    calm_since: float | None = None  #: since when its value has been good enough to leave the state
    finding: Finding | None = None  #: the last that told of this state


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something to send: a change of state, or a reminder of one that lasts."""

    finding: Finding
    state: State
    kind: Literal["change", "repeat"]
    before: State
    lasted: float  #: seconds in the state before


def key_of(notification: Notification) -> Key:
    """Return the key of the alert that *notification* is about."""
    return notification.finding.key


@dataclass(slots=True)
class Alerts:
    """All alerts, by name and subject."""

    rules: Rules = field(default_factory=Rules)
    states: dict[Key, AlertState] = field(default_factory=dict)

    def take(self, findings: Sequence[Finding], now: float, *, complete: bool = True) -> list[Notification]:
        """Update the alerts by *findings* at *now* (seconds, any monotonic clock); returns what to send.

        If they are *complete*, what isn't found any more is over.
        """
        found = []
        for finding in [*findings, *(self._find_ended(findings) if complete else ())]:
            alert = self.states.get(finding.key, AlertState(since=now, notified=now))
            self.states[finding.key], notification = update(alert, finding, now, self.rules)
            found += [notification] if notification else []
        return found

    def _find_ended(self, findings: Sequence[Finding]) -> list[Finding]:
        """Return the findings of the alerts that aren't among *findings*, as they are when all is well."""
        found = {finding.key for finding in findings}
        return [
            replace(alert.finding, value=math.inf if alert.finding.lower_is_worse else 0.0)
            for key, alert in self.states.items()
            if alert.state != "ok" and alert.finding and key not in found
        ]

    def began(self, time: float, now: float) -> dict[Key, float]:
        """Return when each alert that stands began, if *time* (seconds since the epoch) is *now*."""
        return {key: time - (now - alert.since) for key, alert in self.states.items() if alert.state != "ok"}

    def worst(self) -> State:
        """The worst state of all alerts."""
        return max((each.state for each in self.states.values()), key=STATES.index, default="ok")

    def forget_calm(self) -> None:
        """Drop the alerts that are over, so that those of queues long gone don't pile up."""
        self.states = {key: alert for key, alert in self.states.items() if alert.state != "ok"}


def update(
    alert: AlertState, finding: Finding, now: float, rules: Rules
) -> tuple[AlertState, Notification | None]:
    """The alert after *finding*, and what to send."""
    wanted = finding.state
    if wanted is None:
        return alert, None
    if STATES.index(wanted) > STATES.index(alert.state):
        return _change(alert, finding, wanted, now)
    if wanted == alert.state:
        alert = replace(alert, finding=finding)
        return _repeat(replace(alert, calm_since=None), finding, now, rules)
    if not _is_past_margin(alert, finding, rules):
        return _repeat(replace(alert, calm_since=None), finding, now, rules)
    since = now if alert.calm_since is None else alert.calm_since
    if now - since < rules.calm:
        return _repeat(replace(alert, calm_since=since), finding, now, rules)
    return _change(alert, finding, wanted, now)


def _change(alert: AlertState, finding: Finding, state: State, now: float) -> tuple[AlertState, Notification]:
    """The alert in its new *state*, which is sent."""
    notification = Notification(
        finding=finding, state=state, kind="change", before=alert.state, lasted=now - alert.since
    )
    return AlertState(state=state, since=now, notified=now, finding=finding), notification


def _repeat(
    alert: AlertState, finding: Finding, now: float, rules: Rules
) -> tuple[AlertState, Notification | None]:
    """The alert that stays in its state; sent again where that has lasted."""
    if alert.state == "ok" or now - alert.notified < rules.repeat:
        return alert, None
    notification = Notification(
        finding=finding, state=alert.state, kind="repeat", before=alert.state, lasted=now - alert.since
    )
    return replace(alert, notified=now), notification


def _is_past_margin(alert: AlertState, finding: Finding, rules: Rules) -> bool:
    """Whether the value is far enough on the good side of its state's threshold to leave that state."""
    threshold, value = finding.threshold(alert.state), finding.value
    if threshold is None or value is None:
        return True
    if finding.lower_is_worse:
        return value > threshold * (1 + rules.margin)
    return value < threshold * (1 - rules.margin)
