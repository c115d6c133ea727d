"""Whose runs fill the workers: a tenant is named if its share of their time has clearly risen."""

import random
import tracemalloc
from itertools import count

import pytest

from slowtask.cli.show.status_json import cause
from slowtask.record.event import SECOND
from slowtask.watch.blame import MAX_QUEUES, Blame, LabelTimes
from slowtask.watch.broker import Poll, Queue, Waiting
from slowtask.watch.causes import find_all
from slowtask.watch.find.sentences import describe_blame
from slowtask.watch.history import History
from slowtask.watch.recent import RecentRun
from slowtask.watch.settings import Thresholds
from slowtask.watch.view import Watch

NUMBERS = count()
SHOPS = ("acme", "bell", "cork", "dune", "ember", "flint", "gale", "hazel")


def recent(end, tenant=None, took=0.1, queue="mail", **others):
    labels = others.pop("labels", {"tenant": tenant} if tenant else None)
    return RecentRun(
        task="jobs.mail", end=float(end), id=next(NUMBERS), took=took, queue=queue, system="rq",
        labels=labels, **others,
    )  # fmt: skip


def times(*runs):
    found = LabelTimes()
    for run in sorted(runs, key=lambda run: run.end):
        found.add(run)
    return found


def ordinary(seconds, begin=0, rate=4, tenants=SHOPS, seed=1):
    """Runs of all *tenants*, as often as each other."""
    chance = random.Random(seed)
    return [
        recent(begin + place / rate, chance.choice(tenants), took=chance.expovariate(10))
        for place in range(seconds * rate)
    ]


def flood(seconds, begin, tenant="acme", rate=16):
    return [recent(begin + place / rate, tenant) for place in range(seconds * rate)]


def name(blame):
    return blame and (blame.label, blame.value)


def test_a_tenant_that_floods_the_queue_is_named_with_its_usual_share():
    blame = times(*ordinary(3600), *flood(90, begin=3510)).find("rq", "mail", 3600.0)

    assert name(blame) == ("tenant", "acme")
    assert blame.share > 0.7
    assert blame.usual == pytest.approx(1 / 8, abs=0.03)


def test_the_sentence_says_both_shares():
    blame = Blame(label="tenant", value="acme", queue="mail", share=0.71, usual=0.12, seconds=312.0)

    assert describe_blame(blame) == (
        "Tenant acme's runs took 71 % of the worker time of mail in the last 5 minutes, usually 12 %."
    )


def test_a_share_that_is_not_known_before_is_not_told():
    blame = Blame(label="tenant", value="a\x1b[2Jb", queue="mail", share=0.71, usual=None, seconds=70.0)

    assert describe_blame(blame) == (
        r"Tenant a\x1b[2Jb's runs took 71 % of the worker time of mail in the last minute."
    )


def test_a_long_value_is_cut():
    blame = Blame(label="tenant", value="x" * 256, queue="mail", share=0.71, usual=0.0, seconds=70.0)

    assert f"Tenant {'x' * 40}'s runs" in describe_blame(blame)
    assert "usually under 1 %" in describe_blame(blame)


@pytest.mark.parametrize("seed", range(20))
def test_on_an_ordinary_day_no_tenant_is_named(seed):
    found = times(*ordinary(7200, rate=1, tenants=("acme", "acme", "bell", "cork"), seed=seed))

    assert [found.find("rq", "mail", float(now)) for now in range(6600, 7200, 30)] == [None] * 20


def test_a_few_long_runs_of_one_tenant_are_chance():
    chance, found, named = random.Random(1), LabelTimes(), []
    for second in range(6 * 3600):
        found.add(recent(second, chance.choice(SHOPS[:3]), took=chance.lognormvariate(0, 1.5)))
        if second > 3600 and second % 30 == 0:
            named.append(found.find("rq", "mail", float(second)))

    assert sum(each is not None for each in named) <= 0.005 * len(named)


def test_a_tenant_that_always_has_most_of_the_time_is_not_named():
    assert times(*ordinary(3600, tenants=("acme", "acme", "acme", "bell"))).find("rq", "mail", 3600.0) is None


def test_a_label_with_one_value_is_not_named():
    assert times(*flood(60, begin=0)).find("rq", "mail", 60.0) is None


def test_without_a_history_a_tenant_is_named_without_its_usual_share():
    blame = times(*ordinary(20), *flood(20, begin=0)).find("rq", "mail", 20.0)

    assert name(blame) == ("tenant", "acme")
    assert blame.usual is None


def test_a_label_that_came_with_a_release_has_no_usual_share_yet():
    before = [recent(end) for end in range(3000)]
    found = times(recent(0, "acme"), *before[1:2])
    assert found.find("rq", "mail", 60.0) is None
    for run in (*before[2:], *ordinary(60, begin=3000), *flood(60, begin=3000)):
        found.add(run)

    assert name(found.find("rq", "mail", 3060.0)) == ("tenant", "acme")


def test_an_id_that_each_run_has_for_itself_is_never_named():
    runs = [
        recent(end, labels={"request": str(end)}, took=60.0 if end == 3590 else 0.1) for end in range(3600)
    ]

    assert times(*runs).find("rq", "mail", 3600.0) is None


def test_among_many_ids_the_tenant_is_still_found():
    runs = [*ordinary(3600), *flood(90, begin=3510)]
    marked = [run._replace(labels={"request": str(place)} | run.labels) for place, run in enumerate(runs)]

    assert name(times(*marked).find("rq", "mail", 3600.0)) == ("tenant", "acme")


def test_of_two_labels_the_one_that_has_risen_more_is_named():
    runs = [
        run._replace(labels=run.labels | {"plan": "free" if run.labels["tenant"] < "e" else "paid"})
        for run in (*ordinary(3600), *flood(120, begin=3480))
    ]

    assert name(times(*runs).find("rq", "mail", 3600.0)) == ("tenant", "acme")


def test_each_queue_has_its_own_tenants():
    others = [recent(end / 4, "bell", queue="export") for end in range(4 * 3600)]
    found = times(*ordinary(3600), *flood(90, begin=3510), *others)

    assert name(found.find("rq", "mail", 3600.0)) == ("tenant", "acme")
    assert found.find("rq", "export", 3600.0) is None
    assert found.find("celery", "mail", 3600.0) is None


def test_jobs_that_run_now_count_as_nobodys():
    found = times(*ordinary(3600), *flood(90, begin=3510))

    assert found.find("rq", "mail", 3600.0, [20.0, 20.0]) is not None
    assert found.find("rq", "mail", 3600.0, [5000.0] * 8) is None


def test_long_runs_count_for_the_time_in_which_they_ran():
    long = [recent(3360 + 40 * each, "acme", took=80.0) for each in range(7)]

    assert name(times(*ordinary(3600), *long).find("rq", "mail", 3600.0)) == ("tenant", "acme")


def test_runs_of_an_hour_ago_name_nobody_now():
    assert times(*ordinary(3600), *flood(90, begin=3510)).find("rq", "mail", 7200.0) is None


def test_a_flood_that_lasts_does_not_become_usual():
    found = times(*ordinary(5400), *flood(4500, begin=900))

    blame = found.find("rq", "mail", 5400.0)
    assert name(blame) == ("tenant", "acme")
    assert blame.usual < 0.5


def test_what_lasts_for_days_becomes_usual():
    runs = [*ordinary(3600, rate=1), *(recent(3600 + 10 * each, "acme") for each in range(40_000))]
    runs += [recent(3600 + 30 * each, "bell") for each in range(13_000)]

    assert times(*runs).find("rq", "mail", 403_000.0) is None


def test_a_run_that_comes_late_counts_as_usual():
    found = times(*ordinary(3600, tenants=("bell", "cork")), *flood(90, begin=3510))
    before = found.find("rq", "mail", 3600.0)
    for run in ordinary(3000, tenants=("acme",)):
        found.add(run)

    assert before.usual == 0.0
    assert found.find("rq", "mail", 3600.0).usual > 0.05


def test_memory_is_bounded():
    found = LabelTimes()
    tracemalloc.start()
    sizes = []
    for place in range(9_000):
        labels = {"request": str(place), "tenant": str(place % 5000)}
        found.add(recent(place, labels=labels, queue=f"q{place % 2}"))
        if place in (4_500, 8_999):
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert sizes[1] < 1.2 * sizes[0]


def test_queues_without_new_runs_are_forgotten():
    found = times(*ordinary(600), *flood(60, begin=540))
    for place in range(MAX_QUEUES):
        found.add(recent(1000, "acme", queue=f"q{place}"))

    assert found.find("rq", "mail", 600.0) is None


def test_a_history_counts_a_run_that_is_read_twice_once():
    history = History()
    runs = [*ordinary(600), *flood(60, begin=540)]
    history.add(runs)
    blame = history.blame("rq", "mail", 600.0, ())
    history.add(runs[-50:])

    assert history.blame("rq", "mail", 600.0, ()) == blame


class Deep:
    """A broker with a queue whose first job has waited for a minute."""

    system, name = "rq", "redis://queue"

    def __init__(self, now):
        self._now = now

    def poll(self, tails):
        queue = Queue(name="mail", depth=900, oldest=60 * SECOND)
        return Poll(
            time=round(self._now * 1e6), system=self.system, name=self.name, queues=[queue], workers=[]
        )

    def running(self, queues):
        return []

    def waiting(self, queue, limit):
        return Waiting(queue=queue, depth=900, sampled=0, tasks={})

    def owners(self, keys):
        return []


def found(runs, cause, **limits):
    history = History()
    history.add(runs)
    view = Watch(Deep(3600.0), history=lambda: history).poll()
    return next(each for each in find_all(view, Thresholds(**limits)) if each.name == cause)


def test_a_finding_about_a_queue_names_the_tenant_before_the_next_step():
    finding = found([*ordinary(3600), *flood(90, begin=3510)], "queue-age", age={"mail": 30.0})

    assert "Tenant acme's runs took 8" in finding.message
    assert "of the worker time of mail in the last minute, usually 1" in finding.message


def test_json_has_the_tenant_beside_the_task():
    finding = found([*ordinary(3600), *flood(90, begin=3510)], "queue-depth", depth={"mail": 100})

    blame = cause(finding)["blame"]
    assert (blame["label"], blame["value"]) == ("tenant", "acme")
    assert blame["share"] > 0.7
    assert blame["usual"] < 0.2


def test_without_labels_json_has_none():
    finding = found([recent(end) for end in range(3600)], "queue-depth", depth={"mail": 100})

    assert cause(finding)["blame"] is None
    assert "worker time" not in finding.message
