"""Run an incident, listen, and judge what was said."""

import os
import re
import time
from dataclasses import dataclass, field

from incidents.said import Said, look, read_monitor
from incidents.site import Site

PAUSE = 0.2
EXIT_STATUS = {"warning": 1, "critical": 2}
MAX_SENTENCE = 160
MAX_QUEUES = 5  #: whose facts are shown
MAX_LOAD = 2.0  #: processes that want to run, for each core, on a machine that isn't overloaded
MAX_LOOK = 15.0  #: seconds that one look takes on a machine that isn't overloaded; it takes 5


@dataclass(kw_only=True)
class Result:
    """How one incident was told."""

    number: str
    title: str
    should: str
    said: str = ""
    after: float | None = None  #: seconds from the break to the first right alert
    problems: list[str] = field(default_factory=list)
    disturbed: bool = False  #: whether the machine had too much to do for times to mean something
    facts: list[str] = field(default_factory=list)  #: what the broker showed, to check the staging by

    @property
    def right(self):
        return not self.problems


def run(incident, folder, shared):
    """Stage *incident* in *folder*, and judge what is said of it."""
    with Site(folder, shared) as site:
        incident.stage(site)
        said = listen(incident, site)
    return judge(incident, said)


def listen(incident, site):
    """Wait until it is told, or until it should have been; then look at it once as a person does."""
    said = Said(broke_at=site.broke_at, facts=site.facts)
    end = site.broke_at + incident.within
    while time.time() < end:
        said.alerts, said.samples = read_monitor(site.monitor_log)
        if first_right(incident, said) and not incident.proof_needs_time:
            break
        time.sleep(PAUSE)
    begin = time.monotonic()
    said.line, said.status, said.json = look(site)
    said.took = time.monotonic() - begin
    said.alerts, said.samples = read_monitor(site.monitor_log)
    said.monitor = site.monitor_text
    return said


def first_right(incident, said):
    """The first alert that is right; None if there is none in time."""
    return next((each for each in said.after if is_right(incident, each, said)), None)


def is_right(incident, alert, said):
    """Whether *alert* names the cause, with the words, in time."""
    return (
        alert.cause in incident.causes
        and alert.state in incident.states
        and alert.at - said.broke_at <= incident.within
        and not missing_words(incident, alert.sentence)
    )


def missing_words(incident, text):
    return [word for word in incident.words if not re.search(word, text, re.IGNORECASE)]


def judge(incident, said):
    """What was right and wrong about *said*."""
    first = first_right(incident, said)
    found = Result(number=incident.number, title=incident.title, should=incident.should)
    found.disturbed = said.took > MAX_LOOK or os.getloadavg()[0] > MAX_LOAD * (os.cpu_count() or 1)
    found.said = (first.sentence if first else said.line)[:MAX_SENTENCE]
    found.after = first.at - said.broke_at if first else None
    found.facts = [*describe_queues(said), *describe_alerts(said)]
    found.problems += judge_noise(incident, said)
    found.problems += judge_quiet(said) if incident.quiet else judge_alert(incident, said, first)
    if incident.one_shot and not incident.quiet:
        found.problems += judge_look(incident, said)
    found.problems += filter(None, [incident.proof(said)])
    return found


def judge_noise(incident, said):
    """What nobody should have said: alarms before it broke, and what misleads."""
    problems = [f"false alarm before: {each.cause}: {each.sentence}" for each in said.before]
    for text in said.sentences:
        problems += [
            f"said {word!r}: {text}" for word in incident.never if re.search(word, text, re.IGNORECASE)
        ]
    return problems + ["a traceback"] * any("Traceback" in text for text in (said.line, said.monitor))


def judge_quiet(said):
    """Whether nobody was woken."""
    problems = [f"woke somebody: {each.state} {each.cause}: {each.sentence}" for each in said.after]
    if said.verdict.get("state") != "ok":
        problems.append(f"--json: the verdict is {said.verdict.get('state')}: {said.verdict.get('says')}")
    return problems + [f"--check: {said.line}"] * (said.status != 0)


def judge_alert(incident, said, first):
    """Whether the monitor told it in time."""
    if first:
        return []
    told = "; ".join(f"{each.state} {each.cause}: {each.sentence}" for each in said.after)
    return [f"the monitor didn't tell within {incident.within:.0f} s; it said: {told or 'nothing'}"]


def judge_look(incident, said):
    """Whether one look tells the same: `--check` and `--json`."""
    problems = []
    cause, state = said.verdict.get("cause"), said.verdict.get("state")
    if cause not in incident.causes or state not in incident.states:
        problems.append(f"--json: the verdict is {state} {cause}: {said.verdict.get('says')}")
    if said.status not in {EXIT_STATUS[each] for each in incident.states if each in EXIT_STATUS}:
        problems.append(f"--check: exit status {said.status}: {said.line}")
    missing = missing_words(incident, said.line)
    return problems + [f"--check: {missing} missing: {said.line}"] * bool(missing)


def describe_queues(said):
    """The raw facts of each queue."""
    names = (
        "depth",
        "oldest",
        "running",
        "workers",
        "busy",
        "delivered",
        "arrivals",
        "departures",
        "failed",
        "scheduled",
    )
    return [
        f"{each['queue']}: "
        + ", ".join(f"{name} {each[name]}" for name in names if each.get(name) is not None)
        for each in said.json.get("queues", ())[:MAX_QUEUES]
    ]


def describe_alerts(said):
    """Each alert, and how long after the break it came."""
    return [
        f"{each.at - said.broke_at:+.1f} s {each.state} {each.cause}: {each.sentence}" for each in said.alerts
    ]
