"""The engine: what holds for any jobs and any workers, and what is seen of workers in a log."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.rank.crew import find_workers
from slowtask.rank.replay import Jobs, Overhead, Pool, group_pools, max_depth, percentile, replay

NONE = Overhead()
OVERHEADS = st.builds(Overhead, before=st.integers(0, 5), after=st.integers(0, 5))


@st.composite
def jobs(draw, queues=1):
    """A few jobs with small whole times: many of them at once."""
    drawn = draw(
        st.lists(st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(0, queues - 1)), max_size=25)
    )
    arrival, took, queue = map(list, zip(*sorted(drawn), strict=True)) if drawn else ([], [], [])
    return Jobs(arrival=arrival, took=took, queue=queue)


def one(size):
    return [Pool(queues=(0,), size=size)]


def waits(jobs, starts):
    return [start - come for start, come in zip(starts, jobs.arrival, strict=True)]


def overlapping(jobs, starts):
    """How many jobs run at the start of each; one that takes no time runs at no time."""
    spans = [(start, start + took) for start, took in zip(starts, jobs.took, strict=True)]
    return [sum(first <= start < last for first, last in spans) for start in starts]


@given(jobs(), st.integers(1, 4), OVERHEADS)
def test_more_workers_never_make_a_job_of_one_queue_wait_longer(jobs, size, overhead):
    few, more = (waits(jobs, replay(jobs, one(count), overhead)) for count in (size, size + 1))

    assert all(new <= old for new, old in zip(more, few, strict=True))


@given(jobs(), st.integers(1, 4))
def test_jobs_of_one_queue_start_in_the_order_in_which_they_came(jobs, size):
    starts = replay(jobs, one(size), NONE)

    assert starts == sorted(starts)


@given(jobs(queues=3), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_no_job_starts_before_it_comes_and_no_more_run_than_there_are_workers(jobs, some, others, ordered):
    pools = [Pool(queues=(0, 1), size=some, ordered=ordered), Pool(queues=(1, 2), size=others)]
    starts = replay(jobs, pools, NONE)

    assert min(waits(jobs, starts), default=0) >= 0
    assert max(overlapping(jobs, starts), default=0) <= some + others


@given(jobs(queues=2), st.integers(1, 3), st.booleans())
def test_a_job_waits_only_while_every_worker_that_could_take_it_works(jobs, size, ordered):
    """At the moment before a job that waited starts, all run, or take one that takes no time."""
    starts = replay(jobs, [Pool(queues=(1, 0), size=size, ordered=ordered)], NONE)
    ends = [start + took for start, took in zip(starts, jobs.took, strict=True)]
    for start, wait in zip(starts, waits(jobs, starts), strict=True):
        if wait:
            busy = sum(begun < start <= end for begun, end in zip(starts, ends, strict=True))

            assert busy >= size


@given(jobs(queues=2), st.integers(1, 3), st.booleans())
def test_the_order_of_queues_changes_who_waits_but_not_how_long_all_work(jobs, size, ordered):
    """Work is conserved: the workers are busy for as long, and all is run once."""
    one_way, other = (
        replay(jobs, [Pool(queues=queues, size=1, ordered=ordered)], NONE) for queues in ((0, 1), (1, 0))
    )
    ends = [max(map(sum, zip(starts, jobs.took, strict=True)), default=0) for starts in (one_way, other)]

    assert ends[0] == ends[1]


@given(jobs(), st.integers(1, 4), OVERHEADS)
def test_two_queues_of_one_pool_by_age_are_one_queue(jobs, size, overhead):
    split = Jobs(arrival=jobs.arrival, took=jobs.took, queue=[n % 2 for n in range(len(jobs.took))])
    pool = Pool(queues=(0, 1), size=size, ordered=False)

    assert replay(split, [pool], overhead) == replay(jobs, one(size), overhead)


@given(jobs(), st.integers(1, 4), OVERHEADS)
def test_the_quick_way_for_one_queue_and_the_way_for_many_agree(jobs, size, overhead):
    """A second pool that nobody needs leads through the other code."""
    halves = [Pool(queues=(0,), size=size), Pool(queues=(0,), size=1)]

    assert replay(jobs, halves, overhead) == replay(jobs, one(size + 1), overhead)


def test_a_queue_that_goes_first_goes_first():
    jobs = Jobs(arrival=[0, 1, 2], took=[10, 10, 10], queue=[0, 0, 1])

    assert replay(jobs, [Pool(queues=(1, 0), size=1)], NONE) == [0, 20, 10]
    assert replay(jobs, [Pool(queues=(1, 0), size=1, ordered=False)], NONE) == [0, 10, 20]


def test_a_worker_takes_nothing_before_it_is_there():
    jobs = Jobs(arrival=[0, 1], took=[5, 5], queue=[0, 0])

    assert replay(jobs, [Pool(queues=(0,), size=1, since=7)], NONE) == [7, 12]


def test_overhead_delays_the_start_and_holds_the_worker():
    jobs = Jobs(arrival=[0, 1], took=[5, 5], queue=[0, 0])

    assert replay(jobs, one(1), Overhead(before=2, after=3)) == [2, 12]


def test_a_job_may_need_more_than_others_until_it_starts():
    jobs = Jobs(arrival=[0, 1, 2], took=[5, 5, 5], queue=[0, 0, 1], before=[2, 7, 0])
    pools = [Pool(queues=(0, 1), size=1)]

    assert replay(jobs, pools, Overhead(after=1)) == [2, 15, 21]


@pytest.mark.parametrize("pools", [[], [Pool(queues=(0,), size=0)], [Pool(queues=(1,), size=1)]])
def test_a_queue_without_a_worker_is_refused(pools):
    with pytest.raises(ValueError, match="every queue needs a pool"):
        replay(Jobs(arrival=[0], took=[1], queue=[0]), pools, NONE)


def test_pools_that_share_a_queue_are_one_group():
    pools = [Pool(queues=queues, size=1) for queues in ((0, 1), (2,), (1, 3), (4,), (4, 2))]

    assert sorted(map(len, group_pools(pools))) == [2, 3]


@given(jobs(), st.integers(1, 3))
def test_the_peak_is_the_most_that_wait_at_any_moment(jobs, size):
    starts = replay(jobs, one(size), NONE)
    spans = list(zip(jobs.arrival, starts, strict=True))

    assert max_depth(jobs.arrival, starts) == max(
        (sum(come <= now < start for come, start in spans) for now in jobs.arrival), default=0
    )


def test_a_percentile_lies_between_its_neighbours():
    assert [percentile([10, 20, 40], share) for share in (0, 0.5, 0.75, 1)] == [10, 20, 30, 40]
    assert percentile([], 0.5) == 0


# What a log tells of its workers


def logged(jobs, pools, overhead=NONE):
    """The log of a replay: each pool a list of (queues, workers), the runs given to whoever was free."""
    starts = replay(jobs, pools, overhead)
    free = {(n, k): (-1, 0) for n, pool in enumerate(pools) for k in range(pool.size)}
    workers = [0] * len(starts)
    for place in sorted(range(len(starts)), key=starts.__getitem__):
        able = [each for each in free if jobs.queue[place] in pools[each[0]].queues]
        chosen = min(able, key=free.__getitem__)
        free[chosen] = (starts[place] + jobs.took[place], 0)
        workers[place] = list(free).index(chosen)
    columns = {"arrival": jobs.arrival, "took": jobs.took, "queue": jobs.queue, "worker": workers}
    return SimpleNamespace(**columns, wait=waits(jobs, starts))


def busy(count=400, queues=1):
    """Jobs that come in crowds, with pauses between them."""
    arrival = [place // 40 * 1100 + place % 40 for place in range(count)]
    took = [50 + place * 37 % 60 for place in range(count)]
    return Jobs(arrival=arrival, took=took, queue=[place * 7 % 5 % queues for place in range(count)])


@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_workers_of_a_log_are_counted(size):
    [pool] = find_workers(logged(busy(), one(size))).pools

    assert (pool.queues, pool.size) == ((0,), size)


def test_the_overhead_is_measured_before_the_start_and_in_all():
    assert find_workers(logged(busy(), one(4), Overhead(before=4, after=9))).overhead == Overhead(
        before=4, after=9
    )


def test_what_a_worker_needed_before_each_run_is_seen_but_not_while_it_was_away():
    """Gaps of 10, one of 30, and one of 900: the worker was away."""
    took, gaps = [100] * 40, [10] * 40
    gaps[20], gaps[30] = 30, 900
    starts = [100 * place + sum(gaps[: place + 1]) for place in range(40)]
    columns = {"arrival": [0] * 40, "took": took, "queue": [0] * 40, "worker": [0] * 40}
    found = find_workers(SimpleNamespace(**columns, wait=starts))

    assert [found.before[place] for place in (10, 20, 30)] == [10, 30, found.overhead.before]
    assert found.overhead.before in (10, 11)


@pytest.mark.parametrize("queues", [(0, 1, 2), (2, 0, 1)])
def test_the_order_in_which_workers_serve_their_queues_is_seen(queues):
    [pool] = find_workers(logged(busy(queues=3), [Pool(queues=queues, size=3)])).pools

    assert (pool.queues, pool.ordered) == (queues, True)


def test_workers_that_take_the_oldest_job_are_seen_to_keep_no_order():
    [pool] = find_workers(logged(busy(queues=3), [Pool(queues=(0, 1, 2), size=3, ordered=False)])).pools

    assert not pool.ordered


def test_workers_of_other_queues_are_a_pool_of_their_own():
    pools = [Pool(queues=(0,), size=2), Pool(queues=(1, 2), size=3, ordered=False)]
    found = find_workers(logged(busy(queues=3), pools)).pools

    assert sorted((sorted(pool.queues), pool.size) for pool in found) == [([0], 2), ([1, 2], 3)]


def test_a_worker_of_few_runs_is_taken_for_one_of_those_that_serve_its_queues():
    log = logged(busy(queues=2), [Pool(queues=(0, 1), size=3)])
    log.worker = [9 if place in (0, 5) else worker for place, worker in enumerate(log.worker)]

    assert [set(pool.queues) for pool in find_workers(log).pools] == [{0, 1}]


def test_workers_that_followed_others_are_not_counted_twice():
    """A deployment in the middle of a log: new names, as many workers."""
    log = logged(busy(), one(3))
    log.worker = [worker + 3 * (place >= 200) for place, worker in enumerate(log.worker)]

    assert find_workers(log).pools[0].size == 3


def test_runs_under_one_name_that_overlap_are_those_of_several_processes():
    log = logged(busy(), one(3))
    log.worker = [0] * len(log.worker)

    assert find_workers(log).pools[0].size == 3


def test_workers_that_came_late_are_not_there_before():
    jobs = busy(80)
    log = logged(jobs, [Pool(queues=(0,), size=3, since=500)])

    assert find_workers(log).pools[0].since == 500
