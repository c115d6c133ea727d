"""The pages about Logstash are true: their events are what the filter makes, their settings are ours."""

import json
import re

import pytest
import yaml
from lscl.parser import parse_lscl

from pipeline import logstash
from pipeline.compare import flat, instant
from places import ROOT

PAGE = "".join((ROOT / "docs" / name).read_text() for name in ("logstash.md", "logstash-events.md"))
EXAMPLES = re.findall(r"^```log\n(.*?)^```\n\n```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
LOG = "/var/log/shop/worker.log"


pytestmark = pytest.mark.usefixtures("jruby")


def made_of(text, folder):
    """The events that the filter makes of a log with *text*."""
    log = folder / "worker.log"
    log.write_text(text.removesuffix("\n"))
    events = logstash.shipped(log)
    for event in events:
        event["log"]["file"]["path"] = LOG
    return logstash.filtered(events, SLOWTASK_DATE="2026-11-23")


def comparable(event):
    return {name: instant(value) for name, value in flat(event).items()}


@pytest.mark.parametrize(("lines", "shown"), EXAMPLES, ids=lambda text: text[:40])
def test_an_event_that_the_page_shows_is_what_the_filter_makes_of_the_lines(lines, shown, tmp_path):
    [found] = made_of(lines, tmp_path)
    wanted, got = comparable(json.loads(shown)), comparable(found)
    if wanted["event.id"] == "…":
        wanted["event.id"] = got["event.id"]

    assert re.fullmatch(r"[0-9a-f]{32}|[A-Za-z][\w-]{15}", got["event.id"])
    assert got == wanted


def test_the_page_shows_each_kind_of_line():
    said = [json.loads(shown) for _, shown in EXAMPLES]

    assert [each["event"]["dataset"] for each in said].count("slowtask.unparsed") == 1
    assert {each.get("queue", {}).get("system") for each in said} == {"rq", "celery", None}
    assert "error" in said[3]


def test_the_recipe_reads_lines_by_the_patterns_alone(tmp_path):
    """With Logstash's own grok filter, not with our scripts."""
    text = (ROOT / "docs" / "recipes.md").read_text()
    [recipe] = re.findall(r"^```logstash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    made = f"Task tasks.a[{'0' * 8}] succeeded in 0.1s: None"
    lines = ("Time: 2021-01-13 10:03:59,202 Task: jobs.a Task-time: 1",
             f"[2026-11-23 18:48:36,393: INFO/MainProcess] {made}",
             f"2026-11-23 18:48:36 | INFO | {made}", "18:48:36 stranger")  # fmt: skip

    found = alone(recipe, [{"message": line} for line in lines], tmp_path)

    assert [each.get("task", {}).get("name") for each in found] == ["jobs.a", "tasks.a", "tasks.a", None]
    assert [each["@metadata"].get("time") for each in found[:3]] == [
        "2021-01-13 10:03:59,202", "2026-11-23 18:48:36,393", "2026-11-23 18:48:36",
    ]  # fmt: skip
    assert found[3]["tags"] == ["_grokparsefailure"]


def alone(recipe, events, folder):
    """What a pipeline with the filter *recipe* makes of *events*."""
    for name in ("config", "pipeline"):
        (folder / name).mkdir()
    listed = [{"pipeline.id": "mine", "path.config": "/usr/share/logstash/pipeline/mine.conf"}]
    (folder / "config" / "pipelines.yml").write_text(yaml.safe_dump(listed))
    recipe = recipe.replace("/etc/logstash/patterns", str(ROOT / "logstash" / "patterns"))
    output = 'output { elasticsearch { index => "mine" document_id => "%{message}" } }'
    (folder / "pipeline" / "mine.conf").write_text(f"input {{ stdin {{ }} }}\n{recipe}\n{output}\n")
    return logstash.pipelines().fresh(folder=folder).events(events)


def test_lines_are_joined_by_filebeats_expression():
    patterns = re.findall(r"pattern(?::| =>) '(.+)'$", PAGE, re.MULTILINE)

    assert patterns == [logstash.multiline()] * 2


def test_the_input_that_the_page_shows_parses():
    """A codec with options is a plugin as a value; lscl takes plugins only on their own."""
    [block] = re.findall(r"^```logstash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert [each.name for each in parse_lscl(block.replace("codec => multiline {", "multiline {"))] == [
        "input"
    ]


def pipelines():
    """The settings of each pipeline of the stack, by its id."""
    listed = yaml.safe_load((ROOT / "logstash" / "config" / "pipelines.yml").read_text())
    return {each["pipeline.id"]: each for each in listed}


def test_the_pipeline_that_the_page_shows_is_ordered_as_ours():
    [block] = re.findall(r"^```yaml\n(# pipelines.yml\n.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [shown] = yaml.safe_load(block)
    ours = pipelines()["slowtask-stock"]

    said = {name: value for name, value in shown.items() if name not in ("path.config", "pipeline.id")}
    assert said
    assert {name: ours[name] for name in said} == said


def test_the_sizes_on_the_page_are_the_settings():
    ours = pipelines()

    assert re.findall(r"up to (\d+) MB", PAGE) == ["256", "512", "256"]
    assert ours["slowtask"]["queue.max_bytes"] == "256mb"
    for name in ("slowtask-json", "slowtask-stock"):
        assert (ours[name]["queue.max_bytes"], ours[name]["dead_letter_queue.max_bytes"]) == (
            "512mb",
            "256mb",
        )
        assert f"`{name}`" in PAGE


def test_the_table_of_variables_has_those_of_the_filter_with_their_defaults():
    text = re.sub(r"(?m)^\s*#.*$", "", logstash.FILTER.read_text())
    rows = re.findall(r"^\| `(SLOWTASK_\w+)` \| (?:`(.*?)`)? ?\|", PAGE, re.MULTILINE)

    assert rows
    assert set(rows) == set(re.findall(r"\$\{(\w+):([^}]*)\}", text))


def test_what_the_page_says_is_remembered_is_the_filters():
    text = (ROOT / "logstash" / "ruby" / "slowtask" / "logs.rb").read_text()

    assert re.findall(r"MOST_\w+ = ([\d_]+)", text) == ["10_000", "1_000"]
    assert "at most 10,000 in each of 1,000 logs" in PAGE
