"""Workers that wait for their broker as long as the variable CLAIM_PATIENCE says."""

import os
import signal

from slowtask.rq import TimedSimpleWorker, TimedWorker, worker

worker.CLAIM_PATIENCE = float(os.environ["CLAIM_PATIENCE"])


class Patient(TimedWorker):
    """Forks."""


class PatientSimple(TimedSimpleWorker):
    """Runs jobs in its own process."""


class CutOff(Patient):
    """Its broker dies before the task begins."""

    def prepare_job_execution(self, *args, **kwargs):
        """Kill the broker of the variable BROKER."""
        os.kill(int(os.environ["BROKER"]), signal.SIGKILL)
        return super().prepare_job_execution(*args, **kwargs)
