"""The dashboards are what their source says, and sound by themselves; `test_panels` asks what they ask."""

import json
import re
import subprocess
import sys

import pytest
from conftest import missing

from dashboards import board, bundle, expression, layout
from dashboards.columns import named
from environments import SHAPES
from panels import broken, kql, readable, saved, screen, structure
from places import TESTS
from slowtask.record import event, sample
from slowtask.store.elastic import kibana

ROOT = bundle.SOURCE.parent
PAGE = layout.PAGE.read_text()
ANSWERS = (ROOT / "docs" / "dashboards.md").read_text()


@pytest.fixture(scope="module")
def found():
    """The saved objects of the bundle."""
    return saved.objects(bundle.BUNDLE.read_bytes())


# The source and what is made of it


def test_the_bundle_is_that_of_the_source():
    """Else `make dashboards` was forgotten."""
    assert bundle.BUNDLE.read_bytes() == bundle.ndjson()


def test_the_bundle_is_the_same_whatever_the_hash_seed():
    script = "import sys; from dashboards import bundle; sys.stdout.buffer.write(bundle.ndjson())"
    made = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=bundle.SOURCE,
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    ]

    assert made[0] == made[1] == bundle.BUNDLE.read_bytes()


def test_the_library_finds_the_bundle():
    assert kibana.bundle() == bundle.BUNDLE.read_bytes()


def test_the_pictures_beside_the_source_are_made_of_it():
    """Else `make dashboards` was forgotten."""
    assert layout.page(PAGE) == PAGE


@pytest.mark.parametrize("name", bundle.BOARDS)
def test_a_picture_shows_the_whole_title_of_every_panel(name):
    """Cell by cell: a title that is cut is a panel that is too small in the picture."""
    for each in bundle.load(name)["panel"].values():
        _, _, width, height = each["at"]
        alone = {"id": "", "controls": [], "panel": {"it": each | {"at": [0, 0, width, height]}}}
        drawn = layout.draw(alone)
        words = re.sub(r"[^\w]", "", "".join(re.findall(r"│ (.*?) *│$", drawn, re.MULTILINE)))

        assert re.sub(r"[^\w]", "", each["title"]) in words


@pytest.mark.parametrize("name", bundle.BOARDS)
def test_the_docs_say_of_every_panel_what_it_answers(name):
    _, _, section = ANSWERS.partition(f"## {bundle.load(name)['title']}\n")
    table = section.partition("| --- | --- |\n")[2].partition("\n\n")[0]
    rows = [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()]

    assert rows == [each["title"] for each in bundle.load(name)["panel"].values()]


def test_the_panel_that_the_page_shows_is_one_of_the_source():
    shown = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)

    assert len(shown) == 1
    assert shown[0] in (bundle.SOURCE / "slow-tasks.toml").read_text()


def test_the_ids_are_those_that_others_link_to(found):
    assert [each["id"] for each in found] == [
        "slowtask-runs",
        "slowtask-samples",
        "slowtask-alerts",
        "slowtask-unparsed",
        "slowtask-slowest-runs",
        "slowtask-latest-alerts",
        "slowtask-unparsed-lines",
        "slowtask-slow-tasks",
        "slowtask-queues",
        "slowtask-what-changed",
    ]


# The language of metrics


def test_a_call_is_one_column():
    [column] = expression.columns("p95", "p95", "percentile(task.wait, percentile=95)").values()

    assert (column["operationType"], column["sourceField"]) == ("percentile", "task.wait")
    assert column["params"] == {"percentile": 95}


def test_a_filter_and_a_rate_are_a_columns_own():
    [counted] = expression.columns("n", "n", "count(kql='event.action : \"killed\"')").values()
    [rate] = expression.columns("n", "n", "normalize_by_unit(sum(queue.arrivals), unit='m')").values()

    assert counted["filter"] == {"language": "kuery", "query": 'event.action : "killed"'}
    assert (rate["operationType"], rate["timeScale"]) == ("sum", "m")


def test_the_last_value_is_that_of_the_latest_document():
    [state] = expression.columns("n", "n", "last_value(verdict.state, kind='string')").values()

    assert (state["operationType"], state["dataType"], state["scale"]) == ("last_value", "string", "ordinal")
    assert state["params"]["sortField"] == "@timestamp"


def test_a_quotient_is_a_formula_with_hidden_parts():
    text = "sum(event.duration) / overall_sum(sum(event.duration))"
    columns = expression.columns("share", "Share", text)

    assert list(columns) == ["share", "shareX0", "shareX1", "shareX2", "shareX3"]
    assert columns["share"]["params"]["formula"] == text
    assert columns["shareX3"]["params"]["tinymathAst"]["args"] == ["shareX0", "shareX2"]
    assert columns["shareX2"]["references"] == ["shareX1"]


def test_arithmetic_over_more_than_two_calls_keeps_its_order():
    text = "(max(a) - min(a, kql='b >= now-1d')) * count()"
    columns = expression.columns("cost", "Cost", text, "duration")
    product = columns["costX3"]["params"]["tinymathAst"]

    assert (product["name"], product["args"][1]) == ("multiply", "costX2")
    assert (product["args"][0]["name"], product["args"][0]["args"]) == ("subtract", ["costX0", "costX1"])
    assert columns["costX3"]["references"] == ["costX0", "costX1", "costX2"]
    assert columns["cost"]["params"]["format"]["params"]["fromUnit"] == "nanoseconds"


@pytest.mark.parametrize(
    "text", ["mean(event.duration)", "event.duration", "max(a) * 2", "max(a, b=1)", "f("]
)
def test_what_is_no_metric_is_refused(text):
    with pytest.raises((ValueError, SyntaxError)):
        expression.columns("x", "x", text)


@pytest.mark.parametrize(
    "misspelt", [{"fliter": "a : 1"}, {"rows": [{"field": "task.name", "label": "Task", "sise": 3}]}]
)
def test_a_misspelt_word_of_the_source_is_refused(misspelt):
    """It would be without effect."""
    source = {"title": "x", "kind": "table", "at": [0, 0, 1, 1]} | misspelt
    with pytest.raises(ValueError, match=r"panel it: (fliter|sise) means nothing"):
        board.panel("it", source, {"view": "runs"}, {}, {})


@pytest.mark.parametrize(
    ("widths", "wrong"), [({"Task": 260}, "Runs"), ({"Task": 260, "Runs": 80, "Rnus": 80}, "Rnus")]
)
def test_a_table_without_a_width_for_each_column_is_refused(widths, wrong):
    """Kibana would give the column 100 px, or ignore the width."""
    source = {
        "title": "x",
        "kind": "table",
        "at": [0, 0, 1, 1],
        "rows": [{"field": "task.name", "label": "Task", "size": 3}],
        "metrics": {"Runs": "count()"},
        "widths": widths,
    }
    with pytest.raises(ValueError, match=rf"panel it: a width for each column, not for others: {wrong}$"):
        board.panel("it", source, {"view": "runs"}, {}, {})


# What the dashboards show


@pytest.mark.parametrize("name", bundle.BOARDS)
def test_every_title_names_its_unit(name):
    """In brackets, or in what it counts."""
    titles = [each["title"] for each in bundle.load(name)["panel"].values()]

    assert [title for title in titles if not re.search(r"\(.+\)|Task-time", title)] == []


def test_the_first_screen_answers_which_task():
    """The table and the ranking of tasks are among the first 25 rows."""
    panels = bundle.load("slow-tasks.toml")["panel"]

    assert all(panels[name]["at"][1] + panels[name]["at"][3] <= 25 for name in ("tasks", "holders"))


def test_the_controls_are_service_queue_host_and_task():
    fields = [each["field"] for each in bundle.load("slow-tasks.toml")["controls"]]

    assert fields == ["service.name", "queue.name", "host.name", "task.name"]


def test_a_click_on_a_task_filters_the_runs_beneath(found):
    """The drill-down: one click in the table, and the runs below it follow the filters of the dashboard."""
    slow, *_ = saved.boards(found)
    panels = {each.id: each for each in slow.panels}
    clickable = [each["columnId"] for each in panels["tasks"].drawn["columns"] if each.get("oneClickFilter")]

    assert clickable == [named("task.name")]
    assert slow.view("slowest:panel_slowest") == "slowtask-slowest-runs"
    assert panels["slowest"].grid["y"] > panels["tasks"].grid["y"]


def test_every_field_of_a_sample_with_a_unit_has_a_format(found):
    """Nanoseconds, bytes and ratios would be bare numbers."""
    views = {each["id"]: json.loads(each["attributes"]["fieldFormatMap"]) for each in found[:2]}
    run = {"event.duration", "event.margin", "task.wait", "task.cpu", "task.memory"}
    doubles = {
        name
        for kind in (sample.QueueSample, sample.BrokerSample)
        for name, each in event.types(kind).items()
        if each == "double"
    }

    assert views["slowtask-runs"].keys() == run
    assert doubles < views["slowtask-samples"].keys()
    assert json.loads(found[0]["attributes"]["fieldAttrs"])["event.duration"] == {"customLabel": "Task-time"}


def test_the_line_of_80_percent_is_drawn_over_the_headroom(found):
    headroom = next(each for each in saved.boards(found)[1].panels if each.id == "headroom")
    [line] = headroom.layers["lines"]["columns"].values()

    assert line["params"] == {"value": "0.8"}


# The verifier


def test_the_dashboards_are_sound(found):
    assert structure.faults(found) == []


@pytest.mark.parametrize("name", broken.STRUCTURAL)
def test_a_fault_of_structure_is_found(found, name):
    change, said = broken.STRUCTURAL[name]

    assert any(said in fault for fault in structure.faults(broken.broken(found, change)))


def test_the_dashboards_can_be_read(found):
    """At 1280 and 1600 px: names, headings, numbers, titles and legends are whole."""
    assert list(readable.faults(found)) == []


@pytest.mark.parametrize("name", broken.UNREADABLE)
def test_a_fault_that_a_person_would_see_is_found(found, name):
    change, said = broken.UNREADABLE[name]

    assert any(said in fault for fault in readable.faults(broken.broken(found, change)))


@pytest.mark.parametrize(("width", "page", "pixels"), [(32, 1280, 840), (16, 1280, 416), (32, 1600, 1053)])
def test_a_panel_has_the_pixels_of_the_pictures(width, page, pixels):
    """They were made without a scroll bar."""
    assert round(screen.panel(width, page + screen.SCROLL_BAR)) == pixels


def test_a_text_has_the_pixels_of_the_pictures():
    """A title and a task's name, measured in a picture of Kibana 8.12.2; ± 1 %."""
    title = "Tasks by Task-time, longest run first (click a name: its runs only)"

    assert screen.text(title, 12, 700) == pytest.approx(376, rel=0.01)
    assert screen.text("shop.reports.build_monthly_report", 14, 500) == pytest.approx(232, rel=0.01)


def refused(ndjson, folder):
    """How many parts of the panels a peer's models were asked about, and what they refuse."""
    if not SHAPES.made:
        missing(SHAPES.name)
    (folder / "bundle.ndjson").write_bytes(ndjson)
    command = [SHAPES.python, TESTS / "support" / "panels" / "shapes.py", folder / "bundle.ndjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, *said = done.stdout.splitlines()
    return int(count), said


def test_a_peers_models_take_every_panel(tmp_path):
    """Those of kb-dashboard-core, made from what Kibana writes; they refuse keys that they don't know."""
    count, said = refused(bundle.BUNDLE.read_bytes(), tmp_path)

    assert said == []
    assert count > 100


def test_a_peers_models_refuse_a_misspelt_key(tmp_path):
    _, said = refused(bundle.BUNDLE.read_bytes().replace(b"splitAccessor", b"splitaccessor"), tmp_path)

    assert any("splitaccessor" in each for each in said)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", {"match_all": {}}),
        ('a.b : "c d"', {"match_phrase": {"a.b": "c d"}}),
        ("a : 1", {"match": {"a": "1"}}),
        ("not a : 1", {"bool": {"must_not": [{"match": {"a": "1"}}]}}),
        ("a >= now-8d", {"range": {"a": {"gte": "now-8d"}}}),
        ("a : 1 and b : 2", {"bool": {"filter": [{"match": {"a": "1"}}, {"match": {"b": "2"}}]}}),
    ],
)
def test_kql_becomes_a_query(text, query):
    assert kql.query(text) == query


def test_kql_joins_by_and_before_or():
    one, two, three = ({"match": {name: "1"}} for name in "abc")

    assert kql.query("a : 1 or b : 1 and c : 1") == {
        "bool": {"should": [one, {"bool": {"filter": [two, three]}}], "minimum_should_match": 1}
    }
    assert kql.query("a : (1 or 2)")["bool"]["should"] == [one, {"match": {"a": "2"}}]


@pytest.mark.parametrize("text", ["a", "a :", "a : 1 b", "(a : 1", "a : (1 or 2", '"'])
def test_what_is_no_kql_is_refused(text):
    with pytest.raises(kql.KqlError):
        kql.query(text)
