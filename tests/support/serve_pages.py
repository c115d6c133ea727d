"""All pages of `slowtask serve`, made of example data at a fixed time: for tests and for the pictures."""

from contextlib import chdir
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import shop
from slowtask.cli.compare import compare_runs
from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Comparison, Judged, Problem, Queues, Ranking, TaskFigures, Waiting
from slowtask.cli.serve.pages import diff, error, queues, ranking, task, waiting
from slowtask.cli.serve.pages.drawings import draw_history, draw_profile
from slowtask.cli.show.groups import noun_of
from slowtask.cli.show.report.panels import COLOURED
from slowtask.cli.sides import Wanted
from slowtask.parse.sources import resolve
from slowtask.rank.link import LinkPattern
from slowtask.rank.ranking import rank
from slowtask.store import Query
from slowtask.store.alerts import read_alerts
from slowtask.store.files import Files
from slowtask.watch.settings import Thresholds
from slowtask.watch.summary import judge_view

NOW = shop.END + timedelta(seconds=14)
TASK = "shop.invoices.render_pdf"
NO_RUNS = "No run of the queue mail ended in the last hour: choose a longer period."
PATTERN = LinkPattern("https://apm.example.org/trace/{trace}")


def context(path="/", **others):
    """What a page is made with; *others* replace its parts."""
    made = Context(
        version="1.0", now=NOW, path=path, source="logs/", read_at=shop.END + timedelta(seconds=11), took=0.4
    )
    return replace(made, **others)


def read_ranking(logs, query=None, by="total"):
    """The figures of the page `/`."""
    query, sources = query or Query(), resolve([str(each) for each in logs])
    history = Files(sources).history(
        query, lambda found: [each.task for each in rank(found.figures)[:COLOURED]]
    )
    return Ranking(
        history=history, tasks=rank(history.measurement.figures, by), by=by, group=query.group,
        alerts=read_alerts(sources, query), drawings=draw_history(history, noun_of(query.group)),
    )  # fmt: skip


def read_task(logs, name=TASK, query=None):
    """The figures of the page of a task."""
    profile = Files(resolve([str(each) for each in logs])).profile(
        name, query or Query(), lambda *_: name, 12
    )
    return TaskFigures(profile=profile, pattern=PATTERN, drawings=draw_profile(profile))


def read_diff(logs, wanted=None):
    """The figures of the page `/diff`."""
    wanted = wanted or Wanted(by=("service.version", "1.4", "1.5"))
    return Comparison(view=compare_runs(Files(resolve([str(each) for each in logs])), wanted, Query()))


def judge(view):
    """The figures of the page `/queues` of one broker."""
    verdict = judge_view(view, Thresholds())
    return Queues(origin="broker", brokers=[Judged(view=view, verdict=verdict)], at=shop.END)


def make_all(folder):
    """The HTML of every page, by name."""
    with chdir(folder):  # so that the pages name the logs as a person would
        return _make_all()


def _make_all():
    """The same, of logs in the present folder."""
    logs = [shop.write(Path("slowtask.ndjson")), shop.write_monitor(Path("slowtask-monitor.ndjson"))]
    by = {"by": ("version",), "before": ("1.4",), "after": ("1.5",)}
    last_hour = {"queue": ["mail"], "since": ["1h"]}
    reading = Waiting(title="the ranking", seconds=3.2, progress=0.42)
    problem = Problem(status=404, title="There are no runs", message=NO_RUNS)
    return {
        "ranking": ranking.render(read_ranking(logs), context()),
        "task": task.render(read_task(logs[:1]), context(f"/task/{TASK}")),
        "diff": diff.render(read_diff(logs[:1]), context("/diff", parameters=by)),
        "queues": queues.render(judge(shop.watch()), context("/queues", source="redis://queue:6379")),
        "waiting": waiting.render(reading, context(read_at=None, refresh=1)),
        "error": error.render(problem, context(read_at=None, parameters=last_hour)),
    }
