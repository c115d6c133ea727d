"""Lines pass through Kafka: each part is killed or away once, and no attempt is lost or stored twice.

Real are Filebeat 7.17, Kafka and its Java client, the project's pipelines and Elasticsearch. Logstash itself
isn't: kraft/indexer.py says what does its part.
"""

import pytest

from kraft.programs import offsets_by_file
from kraft.workers import OPEN
from stack.site import FEW, Site, until

pytestmark = [pytest.mark.rare, pytest.mark.slow, pytest.mark.xdist_group("kafka")]


@pytest.fixture(scope="module")
def site(broker, cluster, elasticsearch, jruby, tmp_path_factory):
    """It has been through everything, and is quiet."""
    site = Site(tmp_path_factory.mktemp("site"), broker, cluster, elasticsearch)
    try:
        disturb(site)
        yield site
    finally:
        site.end()


def disturb(site):
    """Kill or part each once, while lines flow; return once all is stored."""
    with site.workers:
        site.filebeat.start()
        site.first.start()
        site.settle()
        kill_broker(site)
        stand_still(site)
        add_second(site)
        part_from_elasticsearch(site)
        kill_first(site)
    site.settle()


def kill_broker(site):
    site.broker.kill()
    site.make()
    site.broker.start()
    site.settle()


def stand_still(site):
    """The first stands still in a batch until Kafka counts it as gone; then it reads the batch again."""
    site.gate.open.clear()
    site.make()
    before = site.broker.losses
    with site.first.frozen():
        until(lambda: site.broker.losses > before)
    site.gate.open.set()
    site.settle()


def add_second(site):
    """A second Logstash joins the group, and gets some of the first one's partitions."""
    site.second.start()
    until(lambda: site.second.partitions)
    until(lambda: not site.first.partitions & site.second.partitions)
    site.settle()


def part_from_elasticsearch(site):
    site.gate.open.clear()
    site.make()
    site.gate.open.set()
    site.settle()


def kill_first(site):
    """The second reads what was the first one's, once Kafka has noticed."""
    site.first.kill()
    site.make()
    site.settle()


def test_as_many_runs_are_stored_as_attempts_were_made(site):
    found = site.runs()

    assert site.workers.attempts > 4 * FEW
    assert len(found) == site.stored() == site.workers.attempts


def test_each_of_slowtasks_own_lines_is_one_run(site):
    found = site.runs()

    assert set(site.workers.ids) <= set(found)
    assert len(set(site.workers.ids)) == len(site.workers.ids)


def test_each_job_of_the_stock_logs_is_one_run(site):
    ours = set(site.workers.ids)

    assert len([name for name in site.runs() if name not in ours]) == len(site.workers.jobs)


def test_the_lines_of_a_file_stay_in_their_order(site):
    """Each file in one partition: also those written while the broker was away."""
    found = offsets_by_file(site.broker.plain, site.topic, site.workers.lines)

    assert len(found) == 6
    assert {key: offsets for key, offsets in found.items() if offsets != sorted(offsets)} == {}


def test_a_job_of_a_stock_log_lacks_its_id_only_if_it_was_open_when_its_log_moved(site):
    """Two moves, the second's joining and the first one's end, of two logs."""
    ours = set(site.workers.ids)
    jobs = [run["task"].get("id") for name, run in site.runs().items() if name not in ours]
    known = [job for job in jobs if job]

    assert len(known) >= len(jobs) - 2 * 2 * OPEN
    assert len(set(known)) == len(known)
    assert set(known) <= set(site.workers.jobs)
