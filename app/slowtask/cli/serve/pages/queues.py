"""The page `/queues`: the verdict on the queues, as `slowtask status` or the monitor judges it."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Judged, Queues
from slowtask.cli.serve.pages.broker_tables import show_tables
from slowtask.cli.serve.pages.cells import badge, section, show_name
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.serve.pages.limits import show_limits
from slowtask.cli.serve.pages.monitor import show_samples
from slowtask.cli.show.status import answer_text, held_text, notes
from slowtask.record.sample import Alert, Level
from slowtask.units import capitalize, plural, printable
from slowtask.watch.verdict import LEVELS, Answer, Finding

#: What the page is headed with, by the worst that is known.
TITLES: Final[dict[Level, str]] = {
    "ok": "The queues are well.",
    "unknown": "It isn't known how the queues are.",
    "warning": "The queues need attention.",
    "critical": "The queues are in trouble.",
}
ORIGINS: Final = {
    "broker": "Read from the broker, as slowtask status does. Nothing is changed there.",
    "monitor": "From the log of slowtask monitor: its last samples, and the alerts that last.",
    "elasticsearch": "From Elasticsearch: the last samples of slowtask monitor, and the alerts that last.",
    "nothing": "No broker and no monitor's log is known.",
}


def render(data: Queues, context: Context) -> str:
    """The HTML of the page."""
    note = f'<p class="message">{escape(printable(data.note))}</p>' if data.note else ""
    parts = [
        section("", note) if note else "",
        *(part for judged in data.brokers for part in show_broker(judged, context)),
        show_alerts(data.alerts) if data.samples and not data.stale else "",
        *show_samples(data.samples, context, stale=data.stale),
    ]
    level = find_level(data)
    return frame(
        TITLES[level], "\n".join(filter(None, parts)), context,
        over="Queues", about=describe_origin(data), period=False, mark=badge(level),
    )  # fmt: skip


def find_level(data: Queues) -> Level:
    """The worst that is known of any broker, alert or queue; unknown without any."""
    levels: list[Level] = [each.verdict.level for each in data.brokers]
    if data.samples and not data.stale:
        levels += ["ok", *(each.state for each in data.alerts)]
        levels += [each.verdict for each in data.samples if each.verdict]
    return max(levels, key=LEVELS.index, default="unknown")


def describe_origin(data: Queues) -> str:
    """Where the page comes from, and of what time it is."""
    at = f" As of {data.at.day} {data.at:%b %Y %H:%M:%S} UTC." if data.at else ""
    return ORIGINS[data.origin] + at


def show_broker(judged: Judged, context: Context) -> Iterator[str]:
    """The sections of one broker: the verdict, its limits, and its queues."""
    view, verdict = judged.view, judged.verdict
    name = printable(view.poll.name)
    first = show_cause(verdict.first) if verdict.first else ""
    answers = "".join(show_answer(answer, verdict.first) for answer in verdict.answers)
    yield section(f"Verdict on {name}", f'{first}<dl class="answers">{answers}</dl>')
    held = view.poll.unacknowledged
    texts = [capitalize(held_text(held))] if held and held.count else []
    yield section("Limits of the broker", show_limits(view) + "".join(map(soft, texts)))
    yield from show_tables(view, context)
    lines = [line.plain for line in notes(view, view.backlog) if line.plain]
    yield "".join(map(soft, lines))


def show_cause(finding: Finding) -> str:
    """The leading cause: what is the case, the next step, and commands for it."""
    todo = f"<p><b>Next step:</b> {escape(printable(finding.todo))}</p>" if finding.todo else ""
    commands = "\n".join(escape(printable(each)) for each in finding.commands)
    shown = f'<pre tabindex="0">{commands}</pre>' if commands else ""
    message = escape(printable(finding.message))
    return (
        f'<p class="cause">{badge(finding.level)} <b>{escape(finding.name)}</b>: {message}</p>{todo}{shown}'
    )


def show_answer(answer: Answer, first: Finding | None) -> str:
    """One part of the verdict: how it is, and why."""
    lines = answer_text(answer, first).plain.splitlines()
    text = "<br>".join(escape(printable(line)) for line in lines)
    return f"<dt>{answer.part.capitalize()} {badge(answer.level)}</dt><dd>{text}</dd>"


def show_alerts(alerts: Sequence[Alert]) -> str:
    """The alerts that last, the worst first."""
    if not alerts:
        return section("Alerts that last", "<p>No alert lasts.</p>")
    ordered = sorted(alerts, key=lambda each: -LEVELS.index(each.state))
    items = "".join(map(show_alert, ordered))
    return section(plural(len(alerts), "alert"), f'<ul class="said">{items}</ul>')


def show_alert(alert: Alert) -> str:
    """One alert: how bad it is, since when, and what it says."""
    time = f"{alert.timestamp.day} {alert.timestamp:%b %Y %H:%M:%S}"
    queue = f" {show_name(alert.queue)}" if alert.queue else ""
    return (
        f"<li>{badge(alert.state)} <b>{show_name(alert.name)}</b>{queue} <time>since {time}</time>"
        f"<br>{escape(printable(alert.message or ''))}</li>"
    )


def soft(text: str) -> str:
    """A line in pale letters."""
    return f'<p class="soft note">{escape(printable(text))}</p>'
