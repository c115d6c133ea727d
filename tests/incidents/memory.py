"""Incidents of the broker's memory: full, leaking, filled by results or by one job, evicting."""

import threading
from contextlib import suppress

from redis.exceptions import RedisError

from incidents.incident import Incident
from incidents.processes import wait_for
from incidents.traffic import traffic

REFUSED = ("broker-writes-refused",)
#: How soon it is full may lead, if it is said what fills it.
KEPT = ("results-kept", "broker-full-soon", "broker-capacity")


def refuses(client):
    """Whether Redis is full and has refused a job."""
    return "errorstat_OOM" in client.info("errorstats")


def memory_full(site):
    """Exports of 10 kB each pile up until `maxmemory` is reached."""
    traffic(site, maxmemory="40mb")
    site.watch()
    site.broke()
    site.feed("export", 600, rate=300, padding=10_000)
    client = site.client()
    wait_for(lambda: refuses(client), "a full Redis")


def results_kept(site):
    """Results without expiry fill Redis, and failed jobs with them."""
    site.redis(maxmemory="60mb")
    site.rq_workers("w21", "w22", SLOWTASK_SERVICE_VERSION="2.0")
    site.feed("mail", 0.02, rate=2)
    site.watch()
    site.broke()
    site.feed("big", 150_000, rate=5, result_ttl=-1)
    site.feed("invoice", rate=2)


def forecast_is_right(said):
    """The monitor's last forecast is 42 minutes, give or take a third.

    A poll that came late, on a busy machine, may leave its own sample without one.
    """
    forecasts = [each["broker.full_in"] for each in said.samples if "broker.full_in" in each]
    minutes = forecasts[-1] / 60e9 if forecasts else 0
    return None if 28 < minutes < 60 else f"the forecast is {minutes:.0f} min, true are 42"


def add(server, stop):
    with server.client() as client:
        while not stop.wait(0.25):
            with suppress(RedisError):  # the incident is over
                client.append("session:log", b"x" * 10_240)


def leak(site):
    """Another program adds 40 kB a second to 100 MB: full in some 42 minutes."""
    server = site.redis(maxmemory="100mb")
    site.rq_workers("w21")
    site.feed("mail", 0.05, rate=2, result_ttl=0)
    site.watch()
    site.broke()
    stop = threading.Event()
    site.at_end(stop.set)
    threading.Thread(target=add, args=(server, stop), daemon=True).start()


def evicts(site):
    """A Redis that evicts keys reached its limit: jobs vanish."""
    server = traffic(site, maxmemory="40mb")
    site.watch()
    with server.client() as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        site.broke()
        site.feed("export", 600, rate=300, padding=10_000)
        wait_for(lambda: client.info("stats")["evicted_keys"] > 0, "an eviction")


def memory_alarm(site):
    node = site.own_rabbitmq()
    site.celery_workers("a")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    node.ctl("set_vm_memory_high_watermark", "absolute", "50MB")


def exports_running(client):
    """How many workers run an export."""
    jobs = [each.decode().partition(":")[0] for each in client.zrange("rq:wip:mail", 0, -1)]
    return sum(b"export" in (client.hget(f"rq:job:{each}", "description") or b"") for each in jobs)


def huge_payload(site):
    """One waiting job of 66 MB in a Redis of 90 MB."""
    server = site.redis(maxmemory="300mb")
    site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.publish("export", 40, count=2)
    with server.client() as client:
        wait_for(
            lambda: exports_running(client) == 2, "both workers to export"
        )  # else one takes the large job
        site.publish("export", 1, padding=66_000_000)
        site.broke()
        client.config_set("maxmemory", "90mb")


def celery_results_kept(site):
    """Celery's results never expire, and fill the Redis that is its broker too."""
    site.redis(celery=True, maxmemory="60mb")
    site.celery_workers("a", RESULTS=site.url)
    site.feed("mail", 0.05, rate=2)
    site.watch()
    site.broke()
    site.feed("text", 150_000, rate=5)


INCIDENTS = [
    Incident(
        number="9",
        title="maxmemory reached",
        stage=memory_full,
        should="critical, how many jobs of which task, whose memory",
        causes=("broker-capacity", *REFUSED),
        states=("critical",),
        words=(r"jobs\.export", r"\d+ (jobs|waiting)"),
        never=("UNKNOWN",),
        within=30,
    ),
    Incident(
        number="12",
        title="results without expiry fill Redis",
        stage=results_kept,
        should="results of jobs.big never expire: result_ttl; 24 → 53 failed jobs",
        causes=KEPT,
        words=(r"jobs\.big", "result_ttl|never expire|without expiry"),
        within=30,
    ),
    Incident(
        number="14",
        title="a leak of 40 kB/s into 100 MB",
        stage=leak,
        should="full in 42 min",
        within=30,
        proof=forecast_is_right,
    ),
    Incident(
        number="20d",
        title="a Redis with allkeys-lru evicts",
        stage=evicts,
        should="critical: Redis evicts keys, jobs are lost",
        causes=("broker-evicts", "broker-policy"),
        words=("evict",),
        within=30,
    ),
    Incident(
        number="34",
        title="RabbitMQ: the memory alarm",
        stage=memory_alarm,
        should="RabbitMQ blocks publishers",
        causes=("broker-alarm",),
        states=("critical",),
        words=("memory", "block"),
        rare=True,
    ),
    Incident(
        number="35",
        title="one job of 60 MB",
        stage=huge_payload,
        should="one job of jobs.export holds 83 % of Redis",
        causes=("broker-capacity", "workers-held"),  # the first poll doesn't know yet whose the memory is
        words=(r"jobs\.export",),
    ),
    Incident(
        number="53",
        title="Celery: results without expiry fill Redis",
        stage=celery_results_kept,
        should="results never expire: result_expires",
        causes=KEPT,
        words=("result", "result_expires|never expire|without expiry"),
        within=40,
        rare=True,
    ),
]
