"""Define what the doctor finds: sentences, each with a state, and the facts behind them."""

from dataclasses import dataclass, field
from typing import Literal

Topic = Literal["installed", "rq", "celery", "hooks", "settings", "log"]
#: `unknown`: it can't be seen from here. Only `wrong` makes the exit status 1.
State = Literal["ok", "note", "unknown", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check: a sentence, which also says what to do if something is wrong."""

    topic: Topic
    state: State
    text: str
    records: bool = False  #: whether this is a hook that is known to record


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The value of one setting of a worker."""

    name: str
    value: str
    source: str  #: `default`, `configure()`, or the variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command was asked to look at, beside the environment."""

    app: str | None = None  #: as `celery -A`
    config: str | None = None  #: a module of RQ's settings, as `rq worker -c`
    worker_class: str | None = None  #: as `rq worker --worker-class`
    job_class: str | None = None  #: as `rq worker --job-class`


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was found."""

    versions: dict[str, str]  #: by distribution; only what is installed
    settings: list[Setting] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def wrong(self) -> list[Finding]:
        """What has to be put right."""
        return [finding for finding in self.findings if finding.state == "wrong"]
