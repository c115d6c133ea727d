"""What several incidents share: ordinary traffic, and what is said of dead workers."""

DRAINS = ("DRAINED IN", r"to blame: jobs\.mail", "keep up")
NOBODY = (r"no (live )?worker", "mail")
DEAD = ("workers-none", "workers-silent")


def traffic(site, *names, **options):
    """Ordinary mails on RQ."""
    server = site.redis(**options)
    site.rq_workers(*(names or ("w21", "w22")))
    site.feed("mail", 0.05, rate=6)
    return server


def kill_all(workers):
    for each in workers:
        each.kill()
