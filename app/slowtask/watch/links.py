"""WATCH: the links that an alert carries: to its page of `slowtask serve`, and to a dashboard."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from slowtask.watch.settings import MonitorSettings
from slowtask.watch.verdict import Finding

BEFORE: Final = 3600.0  #: seconds before an alert began that its page shows, to compare with
MAX_NAME: Final = 500  #: characters of a name in an address: mail and chat cut what is longer


def find_links(settings: MonitorSettings, finding: Finding, now: float) -> list[str]:
    """Find the links for an alert about *finding*, sent at *now* (seconds since the epoch)."""
    page = find_page(settings.serve, finding, now) if settings.serve else ""
    return [link for link in (page, settings.dashboard) if link]


def find_page(address: str, finding: Finding, now: float) -> str:
    """Find the page of `slowtask serve` at *address* about *finding*.

    That is the page of the task to blame, from an hour before the alert began; without a task, the verdict.
    """
    start = address.rstrip("/")
    if not finding.task or len(finding.task) > MAX_NAME:
        return f"{start}/queues"
    begin = min(finding.since or now, now) - BEFORE
    since = f"{datetime.fromtimestamp(begin, UTC):%Y-%m-%dT%H:%MZ}"
    return f"{start}/task/{quote(finding.task, safe='')}?since={since}"
