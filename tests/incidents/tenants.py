"""Incidents of a shop with several tenants: whose runs fill the workers."""

from incidents.incident import Incident

TENANTS = ("acme", "bell", "cork")
BLAMED = "'s runs took"


def shop(site, rate=1.0):
    """Each tenant sends as many mails as the others, now and in the last hour."""
    site.history(mail=0.2, system="rq", tenants=TENANTS)
    site.redis()
    site.rq_workers("w21", "w22", SLOWTASK_LABELS="labels.tenant")
    return [site.feed("mail", 0.2, rate=rate, meta={"tenant": tenant}) for tenant in TENANTS]


def flood(site):
    """One tenant of three sends its newsletter."""
    shop(site)
    site.watch()
    site.broke()
    site.feed("mail", 0.2, rate=14, meta={"tenant": "acme"})


def rush(site):
    """All tenants send more at the same time."""
    feeds = shop(site)
    site.watch()
    for feed in feeds:
        feed.kill()
    site.broke()
    for tenant in TENANTS:
        site.feed("mail", 0.2, rate=5, meta={"tenant": tenant})


def ordinary_day(site):
    """Bursts of each tenant in turn, which drain."""
    shop(site)
    site.watch()
    site.broke()
    for tenant in TENANTS:
        site.publish("mail", 0.2, count=40, meta={"tenant": tenant})


def judge_blame(said):
    """Whether JSON names the tenant, with its shares."""
    blame = said.verdict.get("blame") or {}
    named = (blame.get("label"), blame.get("value")) == ("tenant", "acme")
    if named and blame["share"] > 0.5 and 0.2 < (blame["usual"] or 0) < 0.5:
        return None
    return f"--json: blame is {said.verdict.get('blame')}"


INCIDENTS = [
    Incident(
        number="60",
        title="one tenant floods the queue",
        stage=flood,
        should="16/s arrive, 8/s leave; acme takes 80 % of the workers' time, usually a third",
        causes=("queue-load",),
        states=("warning",),
        words=("mail", r"Tenant acme's runs took \d\d % of the worker time of mail", r"usually [234]\d %"),
        never=(r"(bell|cork)'s", "request"),
        within=45,
        proof=judge_blame,
        proof_needs_time=True,
    ),
    Incident(
        number="60b",
        title="all tenants send more",
        stage=rush,
        should="15/s arrive, 8/s leave; nobody is to blame alone",
        causes=("queue-load",),
        states=("warning",),
        words=("mail", "worker"),
        never=(BLAMED,),
        within=45,
        one_shot=False,  # one look sees growth once the first job has waited for 20 s, which is about now
        proof_needs_time=True,
        rare=True,
    ),
    Incident(
        number="61",
        title="an ordinary day with three tenants",
        stage=ordinary_day,
        should="quiet",
        never=(BLAMED,),
        within=25,
    ),
]
