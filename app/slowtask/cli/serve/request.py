"""Turn the URL of a request into a job for the reading process. Wrong input is a `UsageError`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from slowtask.cli.logs import parse_period
from slowtask.cli.serve.context import RUNS
from slowtask.cli.sides import Wanted, choose_sides
from slowtask.errors import UsageError
from slowtask.rank.ranking import ORDERS, Order
from slowtask.store import Query
from slowtask.store.fields import find_field
from slowtask.units import printable

Kind = Literal["ranking", "task", "diff"]
#: The parameters of each page.
PARAMETERS: Final[Mapping[Kind, Sequence[str]]] = {
    "ranking": (*RUNS, "group-by", "by", "task"),
    "task": RUNS,
    "diff": (*RUNS, "group-by", "by", "before", "after", "at", "against", "task"),
}
SHOWN: Final = frozenset({"sort", "order", "filter"})  #: how a page shows its figures, which are the same
REPEATABLE: Final = frozenset({"queue", "where", "task"})
RELATIVE: Final = re.compile(r"\d[smhdw]\b")  #: a time that counts from now
MAX_VALUES: Final = 20  #: of one parameter
MAX_LENGTH: Final = 500  #: characters of a value or a name
OPTION: Final = re.compile(r"--(?=[a-z])")

Parameters = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be read for a page."""

    kind: Kind
    name: str = ""  #: of a task
    parameters: Parameters = ()  #: those that have a value, sorted by name

    def values(self, parameter: str) -> tuple[str, ...]:
        """All values of *parameter*."""
        return dict(self.parameters).get(parameter, ())

    def value(self, parameter: str) -> str | None:
        """The value of *parameter*; None without one."""
        return next(iter(self.values(parameter)), None)

    @property
    def moves(self) -> bool:
        """Whether what it reads depends on the present time."""
        times = ("since", "until", "before", "after", "at", "against")
        by_default = self.kind == "diff" and not any(map(self.values, ("by", "at", "before", "after")))
        return by_default or any(RELATIVE.search(text) for name in times for text in self.values(name))


def make_job(kind: Kind, given: Mapping[str, Sequence[str]], name: str = "") -> Job:
    """Make the job of a page, whose URL has the parameters *given*. Raises `UsageError`."""
    known = PARAMETERS[kind]
    for parameter in given:
        if parameter not in known and parameter not in SHOWN:
            raise UsageError(
                f"This page has no parameter {printable(parameter)[:40]!a}: use {', '.join(known)}."
            )
    filled = {each: _clean(each, given[each]) for each in sorted(given) if each in known}
    job = Job(kind=kind, name=name, parameters=tuple((key, filled[key]) for key in filled if filled[key]))
    _check(job)
    return job


def _clean(parameter: str, values: Sequence[str]) -> tuple[str, ...]:
    """The values of *parameter* that aren't empty. Raises `UsageError` for too many or too long ones."""
    filled = tuple(dict.fromkeys(value.strip() for value in values if value.strip()))
    if len(filled) > (MAX_VALUES if parameter in REPEATABLE else 1):
        raise UsageError(f"{parameter} has too many values.")
    if any(len(value) > MAX_LENGTH for value in filled):
        raise UsageError(f"A value of {parameter} is longer than {MAX_LENGTH} characters.")
    return filled


def _check(job: Job) -> None:
    """Raise `UsageError` if *job* can't be read."""
    if len(job.name) > MAX_LENGTH:
        raise UsageError(f"The task's name is longer than {MAX_LENGTH} characters.")
    query = make_query(job)
    if job.kind == "ranking":
        find_order(job)
    if job.kind == "diff" and (wanted := make_wanted(job)).by != ("", "", "") and has_values(wanted):
        choose_sides(wanted, query)


def has_values(wanted: Wanted) -> bool:
    """Whether both sides are known before anything is read."""
    return not wanted.by or all(wanted.by)


def make_query(job: Job) -> Query:
    """The runs that *job* is about, where `1h` counts from now. Raises `UsageError`."""
    group = job.value("group-by")
    where = tuple(map(_split_where, job.values("where")))
    return parse_period(
        job.value("since"),
        job.value("until"),
        job.values("queue"),
        where,
        find_field(group) if group else None,
    )


def _split_where(text: str) -> tuple[str, str]:
    """The field and the value in *text*. Raises `UsageError`."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"where {text!a} isn't a field with its value: write it like tenant=acme.")
    return find_field(name), value


def find_order(job: Job) -> Order:
    """The order of the ranking. Raises `UsageError`."""
    by = job.value("by") or "total"
    if by not in ORDERS:
        raise UsageError(f"by {by!a} isn't an order: use {', '.join(ORDERS)}.")
    return by


def make_wanted(job: Job) -> Wanted:
    """The sides that *job* compares: with `by`, `before` and `after` are values, else periods."""
    field, before, after = (job.value(each) for each in ("by", "before", "after"))
    at, against = job.value("at"), job.value("against")
    if not field:
        return Wanted(at=at, before=before, after=after, against=against)
    if bool(before) != bool(after):
        raise UsageError("before and after are the two values of the field: give both, or none.")
    return Wanted(by=(find_field(field), before or "", after or ""), at=at, against=against)


def plain_words(message: str) -> str:
    """*message* with the names of parameters instead of options."""
    return OPTION.sub("", message)
