"""All that a line passes through on its way by Kafka, from the workers to Elasticsearch."""

import time
import uuid
from urllib.parse import urlsplit

from elasticsearch import ApiError, helpers
from elasticsearch import ConnectionError as NoConnectionError

from gate import Gate
from kraft.programs import Filebeat, Indexer
from kraft.workers import Workers

FEW = 100  #: attempts that are made while something is away
PATIENCE = 600.0  #: seconds until what doesn't happen is a failure


class Site:
    """All that a line passes through, from the workers to Elasticsearch."""

    def __init__(self, folder, broker, cluster, client, *, burst=1):
        self.namespace = uuid.uuid4().hex
        self._client, self.broker, self.topic = client, broker, f"topic-{self.namespace}"
        self.gate = Gate(urlsplit(cluster.url).port)
        self.gate.open.set()
        (folder / "logs").mkdir()
        self.workers = Workers(folder / "logs", burst=burst)
        shared = {"KAFKA_HOSTS": broker.plain, "KAFKA_TOPIC": self.topic}
        self.filebeat = Filebeat(
            folder, ["filebeat.yml", "kafka.yml"], **shared, SLOWTASK_LOG_FOLDER=str(folder / "logs")
        )
        reading = shared | {
            "SLOWTASK_INTAKE": "kafka", "SLOWTASK_NAMESPACE": self.namespace,
            "ELASTICSEARCH_HOSTS": f"https://127.0.0.1:{self.gate.port}", "INDEXER_CA": cluster.ca or "",
            "INDEXER_USER": cluster.username, "INDEXER_PASSWORD": cluster.password,
        }  # fmt: skip
        self.first, self.second = (Indexer(folder, name, **reading) for name in ("first", "second"))

    @property
    def index(self):
        return f"logs-slowtask.run-{self.namespace}"

    def stored(self):
        """How many runs Elasticsearch has."""
        return self.count({"match_all": {}})

    def count(self, query):
        """How many runs match *query*; none while Elasticsearch makes the index."""
        try:
            self._client.indices.refresh(index=self.index, ignore_unavailable=True)
            return self._client.count(index=self.index, ignore_unavailable=True, query=query)["count"]
        except (ApiError, NoConnectionError):
            return 0

    def make(self, attempts=FEW):
        """Return once so many more attempts have been made."""
        enough = self.workers.attempts + attempts
        until(lambda: self.workers.attempts >= enough)

    def settle(self):
        """Return once Elasticsearch has all that was made until now."""
        made = self.workers.attempts
        until(lambda: self.stored() >= made)

    def runs(self):
        """All stored runs, by their ids."""
        found = helpers.scan(self._client, index=self.index, size=5000)
        return {hit["_id"]: hit["_source"] for hit in found}

    def end(self):
        """End all that it started."""
        for each in (self.first, self.second):
            each.kill()
        self.filebeat.stop()
        self.gate.close()


def until(holds, seconds=PATIENCE):
    """Poll until *holds* is true."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s in vain")
        time.sleep(0.05)
