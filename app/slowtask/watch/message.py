"""WATCH: the text of an alert for a channel, made for a phone.

The title and the beginning of the body say all that a lock screen shows: state, queue, cause and next step.
Then come the evidence, what follows from the cause, the commands to paste, and the links.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from slowtask.record.sample import State
from slowtask.units import duration, printable
from slowtask.watch.alerts import Notification
from slowtask.watch.pages import Page
from slowtask.watch.tell import Message
from slowtask.watch.verdict import Finding

MAX_TITLE: Final = 60  #: characters
MAX_HEAD: Final = 150  #: of the body, that a lock screen shows
MIN_SUBJECT: Final = 8
MAX_ALSO: Final = 5  #: lines
STATE_WORDS: Final[Mapping[State, str]] = {"ok": "RESOLVED", "warning": "WARNING", "critical": "CRITICAL"}
#: What a title says of each cause, behind the name of the queue, task or broker.
PHRASES: Final[Mapping[str, str]] = {
    "broker-unseen": "can't be read",
    "broker-writes-refused": "refuses writes",
    "broker-replica": "is a replica",
    "broker-alarm": "blocks publishers",
    "broker-capacity": "close to its limit",
    "queue-capacity": "close to its limit",
    "broker-emptied": "came back empty",
    "broker-evicts": "evicts keys",
    "broker-full-soon": "full soon",
    "queue-full-soon": "full soon",
    "broker-slow": "slow to answer",
    "results-kept": "results fill its memory",
    "broker-gaps": "can't be read completely",
    "broker-policy": "unsafe memory settings",
    "queue-drops": "drops its oldest tasks",
    "queue-mirrored": "mirrored by a policy",
    "workers-none": "no live worker",
    "workers-silent": "workers are silent",
    "workers-not-consuming": "no worker serves it",
    "workers-held": "its workers are held",
    "queue-starved": "waits behind another queue",
    "workers-hoard": "a worker hoards jobs",
    "queue-overrun": "a job runs too long",
    "queue-stalled": "nothing leaves",
    "queue-load": "more comes than leaves",
    "queue-age": "jobs wait too long",
    "queue-depth": "too many jobs wait",
    "queue-draining": "drains",
    "target-missed": "misses its target",
    "schedule-missed": "a schedule was missed",
    "schedule-late": "no scheduler runs",
    "task-slower": "takes longer than before",
    "task-failing": "fails",
    "task-killed": "is killed",
    "task-memory": "takes too much memory",
}


def make_message(page: Page, broker: str = "", links: Iterable[str] = (), ended: str = "") -> Message:
    """Make the message of *page*, about the broker of that name, with *links*; *ended* says what ended it."""
    finding = page.notification.finding
    at = f"At {broker}." if broker and broker != finding.subject else ""
    resolved = page.notification.state == "ok"
    lines = [describe(page.notification, ended), at] if resolved else describe_page(page, at)
    return Message(
        key=(broker, finding.name, finding.subject),
        state=page.notification.state,
        title=title(page.notification),
        body="\n".join(filter(None, (*lines, *links))),
    )


def describe(notification: Notification, ended: str = "") -> str:
    """What is the case and what to do; of an alert that is over, how long it was and what *ended* it."""
    if notification.state != "ok":
        return notification.finding.text
    return f"{title(notification)}. {ended}".rstrip()


def title(notification: Notification) -> str:
    """`CRITICAL mail: no live worker`, `RESOLVED mail: no live worker, for 4m 10s`."""
    again = " (still)" if notification.kind == "repeat" else ""
    lasted = f", for {duration(notification.lasted)}" if notification.state == "ok" else ""
    text = f"{phrase(notification.finding)}{lasted}"
    word = f"{STATE_WORDS[notification.state]}{again}"
    room = MAX_TITLE - len(f"{word} : {text}")
    return f"{word} {cut(subject(notification.finding), max(MIN_SUBJECT, room))}: {text}"


def phrase(finding: Finding) -> str:
    """What a title says of the cause."""
    return PHRASES.get(finding.name, finding.name.replace("-", " "))


def subject(finding: Finding) -> str:
    """What the alert is about, on one line."""
    return printable(finding.subject)


def describe_page(page: Page, at: str) -> list[str]:
    """Return the lines of an alert that stands: head, evidence, *at* which broker, what follows, commands."""
    finding, state = page.notification.finding, page.notification.state
    head = f"{STATE_WORDS[state]} {cut(subject(finding), 40)}: {phrase(finding)}. {finding.todo}".rstrip()
    short = cut(head, MAX_HEAD)
    evidence = finding.message if short == head else finding.text
    return [short, evidence, at, *describe_also(page.also), *map(printable, finding.commands)]


def describe_also(findings: Iterable[Finding]) -> list[str]:
    """Return a short line for each alert that follows: `also: mail: jobs wait too long`."""
    listed = [f"also: {cut(subject(each), 40)}: {phrase(each)}" for each in findings]
    more = [f"also: {len(listed) - MAX_ALSO} more"] if len(listed) > MAX_ALSO else []
    return [*listed[:MAX_ALSO], *more]


def cut(text: str, room: int) -> str:
    """*text*, or as much of it as fits into *room* characters."""
    return text if len(text) <= room else f"{text[: room - 1].rstrip()}…"
