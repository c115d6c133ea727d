"""The links of alerts lead to the page that shows what they are about."""

from dataclasses import replace

import pytest

from slowtask.errors import UsageError
from slowtask.watch.links import find_links
from slowtask.watch.settings import MonitorSettings, load
from slowtask.watch.verdict import Finding

SLOWER = Finding(
    name="task-slower",
    subject="shop.mail.send",
    task="shop.mail.send",
    value=2.0,
    warning=1.0,
    critical=2.0,
    message="shop.mail.send takes twice as long.",
    since=1_800_000_000.0,  # 2027-01-15 08:00:00 UTC
)
SERVED = MonitorSettings(serve="https://slowtask.example.org/")
NOW = SLOWER.since + 600


def test_an_alert_about_a_task_leads_to_its_page_from_an_hour_before_it_began():
    assert find_links(SERVED, SLOWER, NOW) == [
        "https://slowtask.example.org/task/shop.mail.send?since=2027-01-15T07:00Z"
    ]


def test_an_alert_that_does_not_know_when_it_began_counts_from_now():
    [link] = find_links(SERVED, replace(SLOWER, since=None), NOW)

    assert link.endswith("?since=2027-01-15T07:10Z")


def test_an_alert_without_a_task_leads_to_the_verdict():
    assert find_links(SERVED, replace(SLOWER, task=None), NOW) == ["https://slowtask.example.org/queues"]


@pytest.mark.parametrize(
    ("task", "path"),
    [("a/b?c#d", "a%2Fb%3Fc%23d"), ("send mail\n", "send%20mail%0A"), ("ünï", "%C3%BCn%C3%AF")],
)
def test_a_name_of_any_kind_is_one_part_of_the_address(task, path):
    [link] = find_links(SERVED, replace(SLOWER, task=task), NOW)

    assert f"/task/{path}?" in link


def test_a_name_too_long_for_an_address_leads_to_the_verdict():
    assert find_links(SERVED, replace(SLOWER, task="x" * 501), NOW) == ["https://slowtask.example.org/queues"]


def test_the_dashboard_comes_after_the_page():
    both = MonitorSettings(serve="https://slowtask.example.org", dashboard="https://kibana.example.org")

    assert [link[:18] for link in find_links(both, SLOWER, NOW)] == [
        "https://slowtask.e",
        "https://kibana.exa",
    ]


def test_without_settings_there_is_no_link():
    assert find_links(MonitorSettings(), SLOWER, NOW) == []


@pytest.mark.parametrize(
    "address", ["slowtask.example.org", "javascript:alert(1)", "https://a b", "https://"]
)
def test_what_is_no_address_is_a_mistake_in_the_settings(address):
    with pytest.raises(UsageError, match=r"serve must be an address like https://host"):
        load(None, {"SLOWTASK_MONITOR_SERVE": address})
