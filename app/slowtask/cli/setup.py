"""`slowtask setup`: set up Elasticsearch and Kibana for slowtask."""

import os
from collections import Counter
from typing import Final

import click

from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.store.elastic.access import KIBANA_PORT, PREFIX, Access, read_secret

#: The variable that holds the password of each user that setup creates.
PASSWORDS: Final = {
    "slowtask_logstash": "SLOWTASK_LOGSTASH_PASSWORD",
    "slowtask_reader": "SLOWTASK_READER_PASSWORD",
    "slowtask_rollup": "SLOWTASK_ROLLUP_PASSWORD",
    "kibana_system": "SLOWTASK_KIBANA_PASSWORD",
}


@click.command
@click.option(
    "--elasticsearch", metavar="URL", envvar=f"{PREFIX}URL",
    help="The Elasticsearch to set up. Default: SLOWTASK_ELASTICSEARCH_URL.",
)  # fmt: skip
@click.option(
    "--kibana", metavar="URL", envvar="SLOWTASK_KIBANA_URL",
    help="The Kibana to set up. Default: SLOWTASK_KIBANA_URL.",
)  # fmt: skip
@click.option(
    "--retention", metavar="PERIOD", envvar="SLOWTASK_RETENTION",
    help="How long to keep documents, such as 30d. Default: SLOWTASK_RETENTION, then what is set, then 90d.",
)  # fmt: skip
@click.option(
    "--history-retention", metavar="PERIOD", envvar="SLOWTASK_HISTORY_RETENTION",
    help="How long to keep rolled-up runs, such as 5y or 400d. Default: SLOWTASK_HISTORY_RETENTION, then what"
    " is set, then 5y.",
)  # fmt: skip
@click.option(
    "--failure-store/--no-failure-store", default=None, envvar="SLOWTASK_FAILURE_STORE",
    help="Keep documents that Elasticsearch refuses, for shippers without Logstash. "
    "Default: SLOWTASK_FAILURE_STORE, then what is set, then no.",
)  # fmt: skip
def setup(
    *,
    elasticsearch: str | None,
    kibana: str | None,
    retention: str | None,
    history_retention: str | None,
    failure_store: bool | None,
) -> None:
    """Set up Elasticsearch and Kibana for slowtask.

    Elasticsearch gets templates, roles, the retention, and a user for each password that is set in
    SLOWTASK_LOGSTASH_PASSWORD, SLOWTASK_READER_PASSWORD, SLOWTASK_ROLLUP_PASSWORD or
    SLOWTASK_KIBANA_PASSWORD. Kibana gets data views and dashboards. Each change is printed. You can run it
    again at any time, also for an upgrade.

    \b
    Elasticsearch, with a retention of 30 days:
      slowtask setup --retention 30d \\
        --elasticsearch https://elastic.example.org:9200
    Kibana:
      slowtask setup --kibana https://kibana.example.org:5601

    \b
    It logs in with these variables:
      SLOWTASK_ELASTICSEARCH_USERNAME
      SLOWTASK_ELASTICSEARCH_PASSWORD
      SLOWTASK_ELASTICSEARCH_API_KEY   instead of those two
      SLOWTASK_ELASTICSEARCH_CA_FILE   the certificate authority

    With _FILE at its end, the variable of a password or key holds the path of a file that has it.
    """
    if not elasticsearch and not kibana:
        raise UsageError("setup needs --elasticsearch, --kibana or both.")
    if elasticsearch:
        access = Access.from_address(elasticsearch)
        set_up_elasticsearch(access, retention, history_retention, failure_store=failure_store)
    if kibana:
        set_up_kibana(Access.from_address(kibana, port=KIBANA_PORT))


def set_up_elasticsearch(
    access: Access, retention: str | None, history_retention: str | None, *, failure_store: bool | None
) -> None:
    """Set the cluster up; print each change, and how many there were. Raises `SlowtaskError`."""
    try:
        from slowtask.store.elastic import client, setup
    except ImportError:
        raise UsageError(f"setup needs Elasticsearch's client: {install_command('elasticsearch')}.") from None

    wishes = setup.SetupOptions(
        retention=retention or None,
        history_retention=setup.count_days(history_retention) if history_retention else None,
        failure_store=failure_store,
        passwords=read_passwords(),
    )
    connected = client.connect(access)
    version = client.check_version(connected, access)
    counts: Counter[str] = Counter()
    for change in setup.setup(connected, access, wishes):
        counts[change.verb] += 1
        if change.verb != "unchanged":
            click.echo(change.what if change.verb == "note" else f"{change.what}: {change.verb}")
    total = ", ".join(f"{counts[verb]} {verb}" for verb in ("created", "changed", "unchanged"))
    click.echo(f"Elasticsearch {version} at {access.host}: {total}.")


def set_up_kibana(access: Access) -> None:
    """Import the data views and dashboards, and print how many. Raises `SlowtaskError`."""
    from slowtask.store.elastic.kibana import bundle, import_objects

    result = import_objects(access, bundle())
    click.echo(f"Kibana at {access.host}: {len(result.new)} objects new, {len(result.replaced)} replaced.")


def read_passwords() -> dict[str, str]:
    """Read the passwords that are set, by user. Raises `UsageError`."""
    passwords = {user: read_secret(variable, os.environ) for user, variable in PASSWORDS.items()}
    return {user: password for user, password in passwords.items() if password}
