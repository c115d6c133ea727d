"""`slowtask setup`: Elasticsearch and Kibana made ready for slowtask."""

import os
from collections import Counter
from typing import Final

import click

from slowtask.errors import UsageError
from slowtask.store.elastic.access import KIBANA_PORT, PREFIX, Access, secret

#: The variable that holds the password of each user that setup looks after.
PASSWORDS: Final = {
    "slowtask_logstash": "SLOWTASK_LOGSTASH_PASSWORD",
    "slowtask_reader": "SLOWTASK_READER_PASSWORD",
    "kibana_system": "SLOWTASK_KIBANA_PASSWORD",
}

HELP = """Put in place what Elasticsearch and Kibana need to know of slowtask.

Templates, roles and retention in Elasticsearch; a user for each password that is set
(SLOWTASK_LOGSTASH_PASSWORD, SLOWTASK_READER_PASSWORD, also as …_PASSWORD_FILE); data views and dashboards in
Kibana. Safe to run again, also on an upgrade: it says what it changed.

\b
Example:  slowtask setup --elasticsearch https://elastic.example.org:9200 --retention 30d
          slowtask setup --kibana https://kibana.example.org:5601

Name and password: SLOWTASK_ELASTICSEARCH_USERNAME and _PASSWORD, or _API_KEY; _CA_FILE.
"""


@click.command(help=HELP)
@click.option(
    "--elasticsearch", metavar="URL", envvar=f"{PREFIX}URL", help="The cluster; SLOWTASK_ELASTICSEARCH_URL."
)
@click.option("--kibana", metavar="URL", envvar="SLOWTASK_KIBANA_URL", help="SLOWTASK_KIBANA_URL.")
@click.option(
    "--retention", metavar="PERIOD", envvar="SLOWTASK_RETENTION",
    help="How long documents are kept: 30d. 90d unless it was set before.",
)  # fmt: skip
def setup(*, elasticsearch: str | None, kibana: str | None, retention: str | None) -> None:  # noqa: D103 - HELP says it
    if not elasticsearch and not kibana:
        raise UsageError("setup needs --elasticsearch, --kibana or both.")
    if elasticsearch:
        in_elasticsearch(Access.named(elasticsearch), retention)
    if kibana:
        in_kibana(Access.named(kibana, port=KIBANA_PORT))


def in_elasticsearch(access: Access, retention: str | None) -> None:
    """Set the cluster up; print each change, and how many there were. Raises `SlowtaskError`."""
    try:
        from slowtask.store.elastic import client, setup
    except ImportError:
        raise UsageError(
            "this needs Elasticsearch's client: pip install 'slowtask[elasticsearch]'."
        ) from None

    wishes = setup.Wishes(retention=retention or None, passwords=passwords())
    connected = client.connect(access)
    version = client.check(connected, access)
    counts: Counter[str] = Counter()
    for change in setup.setup(connected, access, wishes):
        counts[change.verb] += 1
        if change.verb != "unchanged":
            click.echo(change.what if change.verb == "note" else f"{change.what}: {change.verb}")
    told = ", ".join(f"{counts[verb]} {verb}" for verb in ("created", "changed", "unchanged"))
    click.echo(f"Elasticsearch {version} at {access.host}: {told}.")


def in_kibana(access: Access) -> None:
    """Import data views and dashboards; say how many. Raises `SlowtaskError`."""
    from slowtask.store.elastic.kibana import bundle, import_objects

    found = import_objects(access, bundle())
    click.echo(f"Kibana at {access.host}: {len(found.new)} objects new, {len(found.replaced)} replaced.")


def passwords() -> dict[str, str]:
    """The passwords that are set, by user. Raises `UsageError`."""
    found = {user: secret(variable, os.environ) for user, variable in PASSWORDS.items()}
    return {user: password for user, password in found.items() if password}
