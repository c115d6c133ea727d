"""What the monitor answers to autoscalers that ask it without Prometheus."""

import json
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from slowtask.watch.arrivals import Arrivals
from slowtask.watch.broker import Queue
from slowtask.watch.metrics.health import Health
from slowtask.watch.metrics.scale import list_names
from slowtask.watch.metrics.server import serve
from slowtask.watch.pace import Pace
from slowtask.watch.view import QueueView

COUNTED = Pace(steady=Arrivals(rate=1.0, seconds=600.0))


@pytest.fixture
def monitor():
    """A monitor that has polled four queues: of two it knows what they need."""
    health = Health(max_age=60.0, systems=("rq", "celery"))
    queues = [
        QueueView(queue=Queue(name="high", depth=0), pace=COUNTED, needed=6),
        QueueView(queue=Queue(name="a b&c", depth=0), pace=COUNTED, needed=0),
        QueueView(queue=Queue(name="fresh", depth=0)),
        QueueView(queue=Queue(name="unlogged", depth=9), pace=COUNTED),
    ]
    health.update(SimpleNamespace(poll=SimpleNamespace(system="rq"), queues=queues))
    server = serve("127.0.0.1:0", health)
    yield server
    server.shutdown()


def ask(server, path):
    """The status and what is said."""
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/scale/{path}") as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)["error"]


def test_a_queue_needs_so_many_workers(monitor):
    assert ask(monitor, "rq?queue=high") == (
        200,
        {"system": "rq", "workers_needed": 6, "queues": {"high": 6}},
    )


def test_several_queues_are_added_up_each_once(monitor):
    status, said = ask(monitor, "rq?queue=high&queue=a%20b%26c&queue=high")

    assert (status, said["workers_needed"]) == (200, 6)
    assert said["queues"] == {"high": 6, "a b&c": 0}


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("rq?queue=fresh", 503, "less than half a minute"),
        ("rq?queue=unlogged", 503, "Set runs to the workers' logs"),
        ("rq?queue=high&queue=unlogged", 503, "unlogged"),
        ("celery?queue=high", 503, "The broker can't be read"),
        ("rq?queue=hihg", 404, "There is no queue hihg. The monitor sees a b&c, fresh, high, unlogged."),
        ("rq", 400, "/scale/rq?queue=high"),
        ("rq?queue=", 400, "/scale/rq?queue=high"),
        ("rq?" + "&".join(f"queue={number}" for number in range(201)), 400, "1 to 200 queues"),
    ],
)
def test_what_is_not_known_is_an_error_that_says_why(monitor, path, status, why):
    found, said = ask(monitor, path)

    assert found == status
    assert why in said


def test_of_many_queues_some_are_listed():
    assert list_names("cba") == "a, b, c"
    assert list_names(map(str, range(100, 130))).endswith("108, 109, 20 more")
    assert list_names([]) == "none"


def test_a_name_of_a_queue_is_shown_without_what_moves_a_terminal(monitor):
    assert "\x1b" not in ask(monitor, "rq?queue=%1b[31m")[1]
