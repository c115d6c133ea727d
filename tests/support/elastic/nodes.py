"""Three nodes of Elasticsearch as one cluster, for tests that kill one of them."""

import os
import signal
import time
import urllib.error
from pathlib import Path

from elastic import server

COUNT = 3


class Nodes:
    """Nodes with small heaps on loopback, without security, each with its files in *folder*."""

    def __init__(self, folder, heap="384m"):
        self._folder, self._heap = Path(folder), heap
        self._ports = [server.free_port() for _ in range(COUNT)]
        self._transport = [server.free_port() for _ in range(COUNT)]
        self._processes = [None] * COUNT

    @property
    def urls(self):
        """Where each of them listens."""
        return [f"http://127.0.0.1:{port}" for port in self._ports]

    @property
    def url(self):
        """Where the first one that runs listens."""
        return next(url for url, process in zip(self.urls, self._processes, strict=True) if process)

    def __enter__(self):
        server.install()
        for number in range(COUNT):
            folder = self._folder / self._name(number)
            folder.mkdir(parents=True)
            server.configure(folder, self._ports[number], "", self._settings(number), tls=False)
            self.start(number)
        self.wait()
        return self

    def __exit__(self, *_):
        for number in range(COUNT):
            self.kill(number)

    def start(self, number):
        """Start a node, the first time or again."""
        self._processes[number] = server.spawn(self._folder / self._name(number), self._heap)

    def kill(self, number):
        """End a node at once, as `kill -9` does."""
        process = self._processes[number]
        if process and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(60)
        self._processes[number] = None

    def wait(self, nodes=COUNT, status="green"):
        """Return when so many *nodes* are one cluster of that *status*."""
        end = time.monotonic() + server.PATIENCE
        target = f"/_cluster/health?wait_for_nodes={nodes}&wait_for_status={status}&timeout=10s"
        while time.monotonic() < end:
            try:
                if not self.request("GET", target)["timed_out"]:
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise server.NoElasticsearchError(f"no {nodes} nodes became one cluster in {server.PATIENCE:.0f} s")

    def request(self, method, path):
        """What the first node that runs answers."""
        return server.Cluster(url=self.url, password="").request(method, path)

    def master(self):
        """The number of the node that the others have elected."""
        state = self.request("GET", "/_cluster/state/master_node,nodes")
        return int(state["nodes"][state["master_node"]]["name"].removeprefix("node-"))

    def holder(self, stream):
        """The number of the node that has the primary shard of *stream*."""
        state = self.request("GET", f"/_cluster/state/routing_table,nodes/{stream}")
        [index] = state["routing_table"]["indices"].values()
        [primary] = [each for each in index["shards"]["0"] if each["primary"]]
        return int(state["nodes"][primary["node"]]["name"].removeprefix("node-"))

    def _name(self, number):
        return f"node-{number}"

    def _settings(self, number):
        return {
            "discovery.type": "multi-node",
            "discovery.seed_hosts": [f"127.0.0.1:{port}" for port in self._transport],
            "cluster.initial_master_nodes": [self._name(each) for each in range(COUNT)],
            "node.name": self._name(number),
            "transport.port": self._transport[number],
            "xpack.security.enabled": "false",
        }
