"""Format what the doctor found: as text for a terminal, or as JSON."""

import shutil
import textwrap
from dataclasses import asdict
from typing import Any, Final

import msgspec

from slowtask.doctor.finding import Finding, Report, Setting, Topic

TITLES: Final[dict[Topic, str]] = {
    "installed": "Installed", "rq": "RQ", "celery": "Celery", "hooks": "Hooks", "log": "Log",
}  # fmt: skip
MARKS: Final = {"ok": "ok", "note": "note", "unknown": "?", "wrong": "WRONG"}
MAX_WIDTH: Final = 100
INDENT: Final = " " * 8


def format_text(report: Report, width: int) -> str:
    """Format *report* for a terminal of *width* columns: the verdict, then every check."""
    parts = [textwrap.fill(verdict(report), width)]
    for topic, title in TITLES.items():
        if topic == "log":
            parts += [
                "",
                "Settings",
                *map(format_setting, report.settings),
                *lines(report, "settings", width),
            ]
        if found := lines(report, topic, width):
            parts += ["", title, *found]
    return "\n".join(parts) + "\n"


def lines(report: Report, topic: Topic, width: int) -> list[str]:
    """Format the findings of *topic*."""
    return [format_finding(each, width) for each in report.findings if each.topic == topic]


def format_finding(finding: Finding, width: int) -> str:
    """Format one *finding*: its mark, and its text beside it. No path or name is broken."""
    return textwrap.fill(
        finding.text,
        width,
        initial_indent=f"  {MARKS[finding.state]:5} ",
        subsequent_indent=INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )


def format_setting(setting: Setting) -> str:
    """Format the value of a setting and where it is from."""
    return f"{INDENT}{setting.name}: {setting.value} ({setting.source})"


def verdict(report: Report) -> str:
    """Say in one sentence whether a worker records here."""
    if count := len(report.wrong):
        return f"{count} {'thing is' if count == 1 else 'things are'} wrong here. Look for WRONG below."
    if not any(finding.records for finding in report.findings):
        return "Nothing is wrong, but no worker can run here: neither RQ nor Celery is installed."
    return "A worker that starts here, with these settings, records what it runs."


def terminal_width() -> int:
    """Return the columns to use."""
    return min(shutil.get_terminal_size().columns, MAX_WIDTH)


def format_json(report: Report) -> str:
    """Format *report* as one JSON object."""
    document: dict[str, Any] = {
        "state": "wrong" if report.wrong else "ok",
        "verdict": verdict(report),
        "records": any(finding.records for finding in report.findings),
        "versions": report.versions,
        "settings": [asdict(setting) for setting in report.settings],
        "findings": [
            {"topic": each.topic, "state": each.state, "text": each.text} for each in report.findings
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document)).decode() + "\n"
