"""`slowtask status` shows how many workers queues need, once that is known of any."""

from rich.console import Console

from slowtask.cli.show.status import UNKNOWN, queues_table
from slowtask.cli.show.status_json import queue as describe_queue
from slowtask.watch.broker import Queue
from slowtask.watch.view import QueueView


def view(name, needed):
    return QueueView(queue=Queue(name=name, depth=3), needed=needed)


def shown(*views):
    """The lines of the table."""
    console = Console(width=120)
    with console.capture() as capture:
        console.print(queues_table(views, 120))
    return capture.get().splitlines()


def test_a_column_has_the_workers_that_each_queue_needs():
    head, mail, other = shown(view("mail", 12), view("other", None))
    place = head.index("NEEDED")

    assert mail[place : place + 6].strip() == "12"
    assert other[place : place + 6].strip() == UNKNOWN


def test_there_is_no_column_while_nothing_is_known():
    assert "NEEDED" not in shown(view("mail", None))[0]


def test_json_has_the_number_or_null():
    assert describe_queue(view("mail", 12))["needed"] == 12
    assert describe_queue(view("mail", None))["needed"] is None
