"""What slowtask said of an incident: the monitor's alerts with their times, and a `status` at the end."""

import json
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

LOOK_TIMEOUT = 120.0  #: seconds for one `slowtask status`


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One line of the monitor."""

    at: float  #: seconds since the epoch
    cause: str
    state: str
    subject: str
    sentence: str

    @property
    def wakes(self):
        return self.state != "ok"


@dataclass(kw_only=True)
class Said:
    """All that was said."""

    broke_at: float
    alerts: list[Alert] = field(default_factory=list)
    samples: list[dict] = field(default_factory=list)
    line: str = ""  #: of `status --check`
    status: int | None = None  #: its exit status
    took: float = 0.0  #: seconds that it took
    json: dict = field(default_factory=dict)  #: of `status --json`
    monitor: str = ""  #: what the monitor printed
    facts: dict = field(default_factory=dict)  #: what a stage adds, for its proof

    @property
    def before(self):
        """The false alarms: what was said while all was normal."""
        return [each for each in self.alerts if each.at < self.broke_at and each.wakes]

    @property
    def after(self):
        return [each for each in self.alerts if each.at >= self.broke_at and each.wakes]

    @property
    def verdict(self):
        """The verdict of `status --json`."""
        return self.json.get("verdict") or {}

    @property
    def sentences(self):
        """Everything that a person read since it broke."""
        return [*(each.sentence for each in self.after), self.line, str(self.verdict.get("says", ""))]


def read_lines(path):
    """The monitor's lines so far: a last one that isn't complete is left out."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    for line in lines:
        with suppress(ValueError):
            yield json.loads(line)


def read_monitor(path):
    """The monitor's alerts and samples."""
    alerts, samples = [], []
    for each in read_lines(path):
        if each.get("event.dataset") == "slowtask.alert":
            alerts.append(
                Alert(
                    at=datetime.fromisoformat(each["@timestamp"]).timestamp(),
                    cause=each["alert.name"],
                    state=each["alert.state"],
                    subject=each.get("queue.name", ""),
                    sentence=each.get("message", ""),
                )
            )
        else:
            samples.append(each)
    return alerts, samples


def look(site):
    """One `status --check` and one `status --json`, side by side: line, exit status, object."""
    commands = [site.status_command(option) for option in ("--check", "--json")]
    running = [
        subprocess.Popen(each, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for each in commands
    ]
    printed = [_await_output(each) for each in running]
    found = {}
    with suppress(ValueError):
        found = json.loads(printed[1])
    return printed[0].strip(), running[0].returncode, found


def _await_output(process):
    """What it printed; what it printed is an error's line where it printed nothing else."""
    try:
        output, errors = process.communicate(timeout=LOOK_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"no answer within {LOOK_TIMEOUT:.0f} s"
    return output or errors
