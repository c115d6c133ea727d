"""WATCH: one page for one cause: which alerts are sent to people, and which are only named in another's page.

An alert that follows from another one is grouped under it while that stands: no page of its own. If the cause
ends and the alert stays, it is sent then. If one that follows gets worse than what was sent, the cause is
sent again with that state. What was sent is also sent as resolved.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from slowtask.record.sample import State
from slowtask.watch.alerts import STATES, Alerts, AlertState, Key, Notification, key_of
from slowtask.watch.causes import CAUSES, PRECEDENCE
from slowtask.watch.verdict import Finding

EXPLAINS: Final = {cause.name: frozenset(cause.explains) for cause in CAUSES}
Standing = Mapping[Key, tuple[AlertState, Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is sent about one cause."""

    notification: Notification
    also: Sequence[Finding] = ()  #: what follows from it, in order of precedence


@dataclass(slots=True)
class Pages:
    """Decides what is sent of one broker's alerts."""

    sent: dict[Key, State] = field(default_factory=dict)  #: the alerts that people know of, as they were told
    leaders: dict[Key, Key] = field(default_factory=dict)  #: of each alert that follows: what it follows from
    ended: dict[Key, Key] = field(default_factory=dict)  #: the same at the poll before

    def group(
        self, alerts: Alerts, changes: Iterable[Notification], now: float, deepest: str | None = None
    ) -> list[Page]:
        """Return what is sent after the *changes* of *alerts*.

        *deepest* is the queue in which most jobs wait: what fills the broker may follow from its workers.
        """
        standing = find_standing(alerts)
        self.ended, self.leaders = self.leaders, find_leaders(standing, deepest)
        changed = {key_of(each): each for each in changes}
        over = [
            Page(notification=changed[key]) for key in self.sent if key not in standing and key in changed
        ]
        groups = find_groups(standing, self.leaders)
        led = (self._lead(key, group, standing, changed.get(key), now) for key, group in groups.items())
        self.sent = {key: state for key, state in self.sent.items() if key in standing}
        return [*over, *filter(None, led)]

    def cause(self, finding: Finding) -> str | None:
        """Return the name of the alert that *finding* follows from, or did until it was over."""
        key = finding.key
        leader = self.leaders.get(key) or (self.ended.get(key) if key not in self.sent else None)
        return leader[0] if leader else None

    def _lead(
        self, key: Key, following: Sequence[Key], standing: Standing, change: Notification | None, now: float
    ) -> Page | None:
        """Return the page about the alert *key* and those *following* from it, if there is news."""
        alert, finding = standing[key]
        state = max((standing[k][0].state for k in (key, *following)), key=STATES.index)
        if not self._is_news(key, alert, state, change):
            return None
        before = self.sent.get(key, "ok")
        self.sent[key] = state
        kind = change.kind if change and state == before else "change"
        notification = Notification(
            finding=finding, state=state, kind=kind, before=before, lasted=now - alert.since
        )
        return Page(notification=notification, also=[standing[k][1] for k in following])

    def _is_news(self, key: Key, alert: AlertState, state: State, change: Notification | None) -> bool:
        """Whether people don't know yet that the alert *key* and what follows from it are in *state*."""
        known = self.sent.get(key)
        if known is None:  # new, or no longer explained: then not if it is about to be over
            return alert.calm_since is None
        if STATES.index(state) > STATES.index(known):
            return True
        return change is not None and (change.kind == "repeat" or state != known)


def find_standing(alerts: Alerts) -> dict[Key, tuple[AlertState, Finding]]:
    """Return the alerts that stand, with what was found last."""
    return {
        key: (alert, alert.finding)
        for key, alert in alerts.states.items()
        if alert.state != "ok" and alert.finding
    }


def find_leaders(standing: Standing, deepest: str | None = None) -> dict[Key, Key]:
    """Return for each of the alerts *standing* that follows from others the first of these."""
    by_queue: dict[str | None, list[Key]] = {}
    leaders: dict[Key, Key] = {}
    for key in sorted(standing, key=precedence):  # so all that may explain an alert precede it
        _, finding = standing[key]
        near = [*by_queue.get(None, ()), *by_queue.get(finding.queue or deepest, ())]
        causes = (each for each in near if explains(standing[each][1], finding, deepest))
        if first := min(causes, key=precedence, default=None):
            leaders[key] = leaders.get(first, first)
        by_queue.setdefault(finding.queue, []).append(key)
    return leaders


def find_groups(standing: Standing, leaders: Mapping[Key, Key]) -> dict[Key, list[Key]]:
    """Return for each alert that leads those that follow from it, in order of precedence."""
    groups: dict[Key, list[Key]] = {key: [] for key in standing if key not in leaders}
    for key in sorted(leaders, key=precedence):
        groups[leaders[key]].append(key)
    return groups


def explains(cause: Finding, finding: Finding, deepest: str | None = None) -> bool:
    """Whether *finding* follows from *cause*: by the table of causes, and about the same queue."""
    if finding.name not in EXPLAINS.get(cause.name, ()) or rank(cause.name) >= rank(finding.name):
        return False
    return cause.queue is None or cause.queue == (finding.queue or deepest)


def precedence(key: Key) -> tuple[int, str]:
    """Return the place of an alert in the table of causes."""
    return rank(key[0]), key[1]


def rank(name: str) -> int:
    """Return the place of the cause *name* in the table; before all if it isn't in it."""
    return PRECEDENCE.get(name, 0)
