"""Shows a simulated cluster to the monitor, as RQ's Redis would."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from scaling.cluster import EPOCH, QUEUE, Cluster
from slowtask.watch.broker import Owner, Poll, Queue, Running, Waiting, Worker


class SimulatedBroker:
    """A broker whose queue and workers are a cluster's."""

    system, name = "rq", "simulated"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def poll(self, tails: Mapping[str, str]) -> Poll:
        """The queue and its workers as they are now."""
        waiting, now = self._cluster.waiting, self._cluster.now
        tail = tails.get(QUEUE)
        behind = waiting[-1] - int(tail) if tail and waiting and int(tail) >= waiting[0] else None
        ready = [pod for pod in self._cluster.pods if pod.ready <= now]
        queue = Queue(
            name=QUEUE,
            depth=len(waiting),
            running=self._cluster.busy,
            workers=len(ready),
            busy=self._cluster.busy,
            oldest=int((now - self._cluster.jobs[waiting[0]].arrival) * 1e9) if waiting else None,
            head=str(waiting[0]) if waiting else None,
            tail=str(waiting[-1]) if waiting else None,
            behind_tail=behind,
        )
        return Poll(
            time=round((EPOCH + now) * 1e6),
            system="rq",
            name=self.name,
            queues=[queue],
            workers=[
                Worker(name=pod.name, queues=(QUEUE,), busy=int(pod.job is not None), finished=pod.finished)
                for pod in ready
            ],
        )

    def waiting(self, queue: str, max_jobs: int) -> Waiting:
        """The tasks that wait: the first of them."""
        numbers = list(itertools.islice(self._cluster.waiting, max_jobs))
        tasks = Counter(self._cluster.jobs[number].task for number in numbers)
        return Waiting(queue=queue, depth=len(self._cluster.waiting), sampled=len(numbers), tasks=tasks)

    def running(self, _queues: Sequence[str]) -> list[Running]:
        """The jobs that run."""
        return [
            Running(
                id=f"{pod.name}-{pod.finished}",
                queue=QUEUE,
                task=pod.job.task,
                worker=pod.name,
                started=round((EPOCH + pod.taken) * 1e6),
            )
            for pod in self._cluster.pods
            if pod.job
        ]

    def owners(self, _keys: int) -> list[Owner]:
        """Nothing."""
        return []
