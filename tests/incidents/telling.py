"""Incidents of the monitor itself: a channel that hangs, very many queues, an end to tell."""

import http.server
import json
import socket
import threading
import time

from incidents.incident import Incident
from incidents.processes import wait_for
from incidents.said import read_monitor
from incidents.traffic import kill_all

PROMPT = 5.0  #: seconds from the alert to a channel that works


def many_queues(site):
    """200 queues with 8 looks a second by each of two monitors."""
    site.redis()
    site.rq_workers("w21", "w22", queues="mail " + " ".join(f"q{number}" for number in range(200)))
    client = site.client()
    client.sadd("rq:queues", *(f"rq:queue:q{number}" for number in range(200)))
    site.feed("mail", 0.05, rate=4)
    site.settings["interval"] = 0.125
    begin = time.monotonic()
    site.watch(1)
    site.facts["first"] = time.monotonic() - begin
    site.monitor("second")
    site.broke()


def two_monitors_work(said):
    """The first sample comes soon, and polls come as often as told."""
    polls = len({each["@timestamp"] for each in said.samples if each.get("queue.name") == "mail"})
    if said.facts["first"] > 6:
        return f"the first sample came after {said.facts['first']:.1f} s"
    return None if polls > 50 else f"only {polls} polls"


def arrived_promptly(said):
    """The healthy channel got the first alert at once."""
    if not said.after:
        return "there was no alert to send"
    late = min((at for at, _ in said.facts["arrived"]), default=1e12) - said.after[0].at
    return None if late < PROMPT else f"the healthy channel got it {late:.0f} s late"


def hang(site):
    """The port of a server that never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    site.at_end(server.close)
    return server.getsockname()[1]


def listen(site, arrived):
    """The port of a server that notes in *arrived* when something came."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            arrived.append((time.time(), json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.at_end(server.shutdown)
    return server.server_address[1]


def hanging_channel(site):
    """The first channel takes connections and never answers; the second one works."""
    arrived = site.facts["arrived"] = []
    site.settings["channels"] = [
        f"json://127.0.0.1:{hang(site)}",
        f"json://127.0.0.1:{listen(site, arrived)}",
    ]
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=8)
    site.watch()
    kill_all(workers)
    site.broke()


def back_again(site):
    """Workers died, somebody was told, and others are started."""
    site.settings["calm"] = 3
    site.redis()
    workers = site.rq_workers("w21", "w22")
    site.feed("mail", 0.05, rate=4)
    site.watch()
    site.broke()
    kill_all(workers)
    wait_for(lambda: any(each.wakes for each in read_monitor(site.monitor_log)[0]), "the alert", 30)
    site.rq_workers("w31", "w32")


def is_resolved(said):
    """Each alert of the outage has ended, and a look finds all well."""
    states = {each.cause: each.state for each in said.alerts}
    lasting = [cause for cause, state in states.items() if state != "ok"]
    if said.status:
        return f"--check: {said.line}"
    return f"still open: {lasting}" if lasting else None


INCIDENTS = [
    Incident(
        number="18",
        title="200 queues at 8 looks a second, two monitors",
        stage=many_queues,
        should="quiet, and works",
        within=12,
        proof=two_monitors_work,
        rare=True,
    ),
    Incident(
        number="19",
        title="a channel that hangs is listed first",
        stage=hanging_channel,
        should="the healthy one gets it at once",
        causes=("workers-none", "workers-silent"),
        states=("critical",),
        within=20,
        proof=arrived_promptly,
        proof_needs_time=True,
        one_shot=False,
    ),
    Incident(
        number="45",
        title="the workers are back",
        stage=back_again,
        should="mail is served again",
        causes=("workers-none", "workers-silent"),
        states=("critical",),
        within=30,
        one_shot=False,
        proof=is_resolved,
        proof_needs_time=True,
    ),
]
