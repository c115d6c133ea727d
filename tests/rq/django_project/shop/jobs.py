"""A job class that is both, as docs/recipes.md has it."""

from django_tasks_rq import Job

from slowtask.rq import TimedJob


class Both(TimedJob, Job):
    pass
