"""Job and worker classes of a user's own, who never names a class of ours for the job."""

import os
from pathlib import Path

from rq.job import Job
from rq.worker import Worker

from slowtask.rq import TimedHorse


class OwnJob(Job):
    """It notes each run, by a `perform` of its own, and what it is while the task runs."""

    def perform(self):
        state = [type(self).__name__, type(self).perform is OwnJob.perform, "perform" in vars(self)]
        with Path(os.environ["OWN_LOG"]).open("a") as log:
            log.write(f"{self.id} {state}\n")
        return super().perform()


class OwnWorker(TimedHorse, Worker):
    """Made by the mixin."""
