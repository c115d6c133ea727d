"""How `slowtask status` shows a limit: a forecast is an alarm only as near as the monitor warns of it."""

import pytest

from slowtask.cli.show.status import limit_line
from slowtask.watch.broker import Poll
from slowtask.watch.broker.limits import MemoryLimit
from slowtask.watch.broker.track import Changes
from slowtask.watch.forecast import Forecast
from slowtask.watch.judge import Capacity
from slowtask.watch.settings import Thresholds
from slowtask.watch.summary import judge_view
from slowtask.watch.view import View

HOUR = 3600.0


def filling(seconds):
    """A Redis of which 1.3 % is used, full in *seconds*."""
    forecast = Forecast(seconds=seconds, soonest=0.9 * seconds, latest=1.1 * seconds)
    capacity = Capacity(limit=MemoryLimit(used=1_300_000, maximum=100_000_000), forecast=forecast)
    poll = Poll(time=0, system="rq", name="redis://queue", server="redis", queues=[], workers=[])
    return View(poll=poll, capacities=[capacity], queues=[], overruns=[], owners=[], changes=Changes())


def forecast_style(view):
    line = limit_line(view, view.capacities[0], 200)
    [span] = [span for span in line.spans if "full in" in line.plain[span.start : span.end]]
    return span.style


@pytest.mark.parametrize(("seconds", "style"), [(0.99 * Thresholds().soon, "yellow"), (3.25 * HOUR, "dim")])
def test_only_a_near_forecast_is_coloured(seconds, style):
    assert forecast_style(filling(seconds)) == style


def test_a_forecast_that_is_far_away_is_no_cause():
    assert judge_view(filling(3.25 * HOUR), Thresholds()).first is None
    assert judge_view(filling(0.5 * Thresholds().soon), Thresholds()).first.name == "broker-full-soon"
