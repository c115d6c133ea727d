"""Judge what slowtask reads of a log against what a person reads of it: see tests/parse/wild/README.md."""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from places import TESTS
from slowtask.errors import SlowtaskError
from slowtask.parse.events import events
from slowtask.parse.items import Unparsable
from slowtask.parse.sources import resolve
from slowtask.record.event import Run

WILD: Final = TESTS / "parse" / "wild"
CHANGED: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)  #: when every log was last changed
NEAR: Final = 1.5  #: seconds between two ends that count as one
SLACK: Final = 0.1  #: seconds that a duration may lie outside its bounds
DAY: Final = 24 * 3600

#: A complaint is about a line, counted from 1, or about the whole log (None).
Complaint = tuple[int | None, str]
Expected = dict[str, Any]  #: a run as the `.expected.json` has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How well a log was read."""

    verdict: str  #: right, fair, wrong, silent or refused
    noise: list[int]  #: the chatter that is complained of, if it is more than allowed
    details: list[str]

    @property
    def passes(self) -> bool:
        return self.verdict in {"right", "fair"} and not self.noise


def judge_case(name: str, folder: Path) -> Judgement:
    """Read a copy of the log of case *name* in *folder*, and judge it."""
    copy = folder / f"{name}.log"
    shutil.copyfile(WILD / copy.name, copy)
    os.utime(copy, (CHANGED.timestamp(), CHANGED.timestamp()))
    expected = json.loads((WILD / f"{name}.expected.json").read_text(encoding="utf-8"))
    return judge(expected, *read(copy))


def read(log: Path) -> tuple[list[Run], list[Complaint]]:
    """The runs of *log*, and what is complained of."""
    runs: list[Run] = []
    complaints: list[Complaint] = []
    try:
        for item in (item for source in resolve([str(log)]) for item in events(source)):
            if isinstance(item, Unparsable):
                complaints.append((item.line, item.sentence))
            else:
                runs.append(item)
    except SlowtaskError as error:
        complaints.append((None, str(error)))
    return runs, complaints


def judge(expected: dict[str, Any], runs: Sequence[Run], complaints: Sequence[Complaint]) -> Judgement:
    """Judge the *runs* and *complaints* that were read of a log by what is *expected* of it."""
    missing, rest = match(expected["runs"], runs)
    untold, extra = match(expected.get("may", []), rest)
    dumb = [each for each in missing + untold if not is_told(each, complaints)]
    if extra:
        verdict = "wrong"
    elif dumb:
        verdict = "silent"
    elif missing or (untold and not expected["runs"]):
        verdict = "fair" if is_fair(expected, missing, complaints) else "refused"
    else:
        verdict = "right"
    details = [*explain(extra, missing), *(f"without a word: {each['task']}" for each in dumb)]
    return Judgement(verdict=verdict, noise=find_noise(expected, complaints), details=details)


def match(wants: Sequence[Expected], runs: Sequence[Run]) -> tuple[list[Expected], list[Run]]:
    """Pair as many of *wants* and *runs* as can be; what of both is left over."""
    owner: dict[int, int] = {}  #: the index of a run: the index of what it is

    def seek(want: int, seen: set[int]) -> bool:
        for index, run in enumerate(runs):
            if index not in seen and not list(differences(wants[want], run)):
                seen.add(index)
                if index not in owner or seek(owner[index], seen):
                    owner[index] = want
                    return True
        return False

    found = {want for want in range(len(wants)) if seek(want, set())}
    return (
        [each for want, each in enumerate(wants) if want not in found],
        [each for index, each in enumerate(runs) if index not in owner],
    )


def differences(want: Expected, run: Run) -> Iterator[str]:
    """What of *run* isn't as in *want*."""
    if run.task not in {want["task"], *want.get("aka", [])}:
        yield f"task {run.task}"
    if run.outcome != want["outcome"]:
        yield f"outcome {run.outcome}"
    took = None if run.duration is None else run.duration / 1e9
    if not is_duration(want, took):
        yield f"{took} s for {want['seconds']}"
    if not is_end(want, run.timestamp):
        yield f"end {run.timestamp} for {want['end'] or want['clock']}"


def is_duration(want: Expected, took: float | None) -> bool:
    """Whether *took*, in seconds, is what *want* allows."""
    if took is None:
        return want["seconds"] is None or bool(want.get("unknown"))
    if want["seconds"] is not None:
        return bool(abs(took - want["seconds"]) <= want["within"] + 1e-6)
    if "least" not in want and "most" not in want:
        return False
    return bool(want.get("least", 0) - SLACK <= took <= want.get("most", float("inf")) + SLACK)


def is_end(want: Expected, end: datetime) -> bool:
    """Whether *end* is the end of *want*, or its time of day where the log has no date."""
    if want["end"]:
        return abs((end - datetime.fromisoformat(want["end"])).total_seconds()) <= NEAR
    if not want.get("clock"):
        return True
    clock = datetime.strptime(want["clock"], "%H:%M:%S").replace(tzinfo=UTC)
    aside = (end - clock).total_seconds() % DAY
    return min(aside, DAY - aside) <= NEAR


def is_told(want: Expected, complaints: Sequence[Complaint]) -> bool:
    """Whether a complaint is about one of the lines of *want*, or about the whole log."""
    return any(line is None or line in want["lines"] for line, _ in complaints)


def is_fair(expected: dict[str, Any], missing: Sequence[Expected], complaints: Sequence[Complaint]) -> bool:
    """Whether all that is *missing* may be, and a complaint gives the reason that the case asks for."""
    reason = expected.get("says", "")
    return all(each.get("either") for each in missing) and any(
        re.search(reason, text) for _, text in complaints
    )


def find_noise(expected: dict[str, Any], complaints: Sequence[Complaint]) -> list[int]:
    """The lines that tell of no run and are complained of; empty if there are no more than allowed."""
    found = sorted({line for line, _ in complaints if line in set(expected["chatter"])})
    return found if len(found) > expected.get("notices", 0) else []


def explain(extra: Sequence[Run], missing: Sequence[Expected]) -> Iterator[str]:
    """What is wrong with each of the *extra* runs: another than one that is missing, or too much."""
    for run in extra:
        near = min(missing, key=lambda want: len(list(differences(want, run))), default=None)
        yield f"too much: {run.task}" if near is None else f"{run.task}: {', '.join(differences(near, run))}"
    yield from (f"missing: {want['task']} {want['action']}" for want in missing)
