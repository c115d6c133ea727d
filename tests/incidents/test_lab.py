"""The lab's own judgement: what is right, and what is wrong, about what was said."""

import pytest

from incidents.incident import Incident
from incidents.lab import judge
from incidents.said import Alert, Said

INCIDENT = Incident(
    number="1",
    title="dead",
    should="no worker",
    stage=lambda site: None,
    causes=("workers-none",),
    states=("critical",),
    words=("mail", "no worker"),
    never=("drained",),
    within=15.0,
)
QUIET = Incident(number="2", title="quiet", should="quiet", stage=lambda site: None)
SENTENCE = "mail: no worker for 5 s."


def alert(after=5.0, cause="workers-none", state="critical", sentence=SENTENCE):
    return Alert(at=1000.0 + after, cause=cause, state=state, subject="mail", sentence=sentence)


def said(*alerts, line=f"CRITICAL: {SENTENCE}", status=2, cause="workers-none", state="critical"):
    verdict = {"cause": cause, "state": state, "says": line}
    return Said(broke_at=1000.0, alerts=list(alerts), line=line, status=status, json={"verdict": verdict})


def quiet(*alerts, line="OK: fine", status=0, state="ok"):
    return said(*alerts, line=line, status=status, cause=None, state=state)


def test_what_is_told_rightly_has_no_problem():
    result = judge(INCIDENT, said(alert()))

    assert (result.problems, result.said, result.after) == ([], SENTENCE, 5.0)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (said(), "the monitor didn't tell within 15 s; it said: nothing"),
        (said(alert(after=16.0)), "the monitor didn't tell"),
        (said(alert(cause="queue-load")), "the monitor didn't tell"),
        (said(alert(state="warning")), "the monitor didn't tell"),
        (said(alert(sentence="thumbs: no worker")), "the monitor didn't tell"),
        (said(alert(), alert(after=-3.0)), "false alarm before: workers-none"),
        (said(alert(), alert(cause="queue-load", sentence="drained in 3 s")), "said 'drained'"),
        (said(alert(), line="OK: fine", status=0), "--check: exit status 0"),
        (said(alert(), line="CRITICAL: full"), "missing: CRITICAL: full"),
        (said(alert(), cause="queue-load"), "--json: the verdict is critical queue-load"),
        (said(alert(), state="warning"), "--json: the verdict is warning"),
        (said(alert(), line="Traceback (most recent call last)"), "a traceback"),
    ],
)
def test_what_is_told_wrongly_is_a_problem(given, problem):
    assert any(problem in each for each in judge(INCIDENT, given).problems)


def test_an_ordinary_day_is_quiet():
    assert judge(QUIET, quiet(alert(state="ok"))).problems == []


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (quiet(alert(state="warning")), "woke somebody: warning"),
        (quiet(status=1), "--check"),
        (quiet(state="warning"), "--json: the verdict is warning"),
    ],
)
def test_whoever_is_woken_on_an_ordinary_day_is_a_problem(given, problem):
    [found] = judge(QUIET, given).problems

    assert found.startswith(problem)
