"""What is as frequent or as long as another has a place of its own, whatever the order of the lines."""

import random
import uuid
from dataclasses import replace

import pytest

from documents import stored
from logs import made, written
from slowtask.parse.sources import resolve
from slowtask.rank.behind import rank_waits
from slowtask.store import Query
from slowtask.store.elastic.store import Elastic
from slowtask.store.files import Files


def tied():
    """Runs of which none is more frequent or later than others of its kind; ten of each task are long."""
    for number in range(240):
        failed = number % 3
        yield made(
            task=f"jobs.t{number % 4}",
            took=2.0 if number < 40 else 1.0,
            number=number % 2 * 60,
            id=f"{number:032x}",
            wait=4 * 10**9,
            queue=f"q{number % 5}",
            worker=f"w{number % 6}",
            host=f"app{number % 2}",
            version=(None, "1.4", "1.5")[number % 3],
            **(
                {"outcome": "failure", "action": "failed", "message": f"Job {number} is bad"}
                | {"error": (None, "KeyError", "OSError")[number // 3 % 3]}
                if failed == 1
                else {"outcome": "failure", "action": "killed", "reason": f"signal {number % 2 + 9}"}
                if failed
                else {"action": "finished"}
            ),
        )


def told(store):
    """What the pages say of the runs in *store*."""
    profile = store.profile("jobs.t1", Query(), lambda names, _: names[0], 12)
    return {
        "exceptions": store.history(Query(), lambda _: ["jobs.t1"]).failures,
        "messages": profile.messages,
        "kills": profile.kills,
        "endings": profile.endings,
        "longest": [each.id for each in profile.worst],
        "groups": {name: [each.value for each in found.groups] for name, found in profile.fields.items()},
        "waited behind": rank_waits(store.columns(Query())),
    }


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    folder = tmp_path_factory.mktemp("in-order")
    return told(Files(resolve([str(written(folder / "worker.log", tied()))])))


@pytest.mark.parametrize("seed", range(8))
def test_lines_in_another_order_tell_the_same(in_order, tmp_path, seed):
    runs = list(tied())
    random.Random(seed).shuffle(runs)
    for number in range(3):
        written(tmp_path / f"worker{number}.log", runs[number::3])

    assert told(Files(resolve([str(tmp_path)]))) == in_order


def test_an_elasticsearch_tells_the_same(in_order, elasticsearch, access):
    stream, runs = f"logs-slowtask.run-ties-{uuid.uuid4().hex}", list(tied())
    random.Random(7).shuffle(runs)
    assert not stored(elasticsearch, stream, runs)

    assert told(Elastic(replace(access, path=stream))) == in_order
