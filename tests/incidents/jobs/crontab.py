"""What `rq cron` enqueues."""

import jobs
from rq import cron

cron.register(jobs.tick, queue_name="mail", interval=2)
