"""The callback that SLOWTASK_LABELS names."""


def tenant(job):
    """Whose job it is, by its meta."""
    return {"tenant": job.meta.get("tenant"), "request": job.id}
