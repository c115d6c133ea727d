"""WATCH: the verdict as metrics for Prometheus: a number for each part, and the causes that are present."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from slowtask.watch.alerts import STATES
from slowtask.watch.metrics.labels import make_label
from slowtask.watch.verdict import LEVELS, PARTS, Verdict

MAX_CAUSES: Final = 200  #: of one system


def make_verdict_metrics(family: Any, verdicts: Mapping[str, Verdict | None]) -> Iterator[Any]:
    """Yield the metrics of *verdicts*, by system; *family* makes one of a name, a text and labels."""
    worst = family(
        "slowtask_verdict", "0: ok, 1: warning, 2: critical. Unknown: no sample.", labels=["system", "part"]
    )
    known = family(
        "slowtask_verdict_known", "1 if the part can be judged, else 0.", labels=["system", "part"]
    )
    causes = family(
        "slowtask_cause", "1 while it is wrong. The queue is empty if it is the broker's.",
        labels=["system", "cause", "queue"],
    )  # fmt: skip
    for system, verdict in verdicts.items():
        for part in PARTS:
            level = verdict.of(part).level if verdict else "unknown"
            known.add_metric([system, part], float(level != "unknown"))
            if level != "unknown":
                worst.add_metric([system, part], float(STATES.index(level)))
        for name, queue in list_causes(verdict):
            causes.add_metric([system, name, make_label(queue)], 1.0)
    yield from (worst, known, causes)


def list_causes(verdict: Verdict | None) -> list[tuple[str, str]]:
    """Return the causes that are present, each with its queue, `""` for none; the worst first."""
    found = [each for answer in (verdict.answers if verdict else ()) for each in answer.findings]
    found.sort(key=lambda each: -LEVELS.index(each.level))
    return [*dict.fromkeys((each.name, each.queue or "") for each in found)][:MAX_CAUSES]
