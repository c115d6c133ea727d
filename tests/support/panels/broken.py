"""Faults put into saved objects on purpose: each must be found, by structure, on screen, or by asking."""

import copy
import json
from contextlib import contextmanager

BOARD = "slowtask-slow-tasks"
#: name → the fault that it is, and what a check says of it; filled by `fault`.
STRUCTURAL, UNREADABLE, ASKED = {}, {}, {}


def fault(kind, said):
    """Register a change of the bundle as a fault: *said* is part of what must be said of it."""

    def register(change):
        kind[change.__name__] = (change, said)
        return change

    return register


def broken(found, change):
    """A copy of the saved objects, with one change."""
    found = copy.deepcopy(found)
    change(found)
    return found


def named(found, name):
    return next(each for each in found if each["id"] == name)


@contextmanager
def panels(found, board=BOARD):
    """The panels of a dashboard, by id, to be changed."""
    attributes = named(found, board)["attributes"]
    decoded = {each["panelIndex"]: each for each in json.loads(attributes["panelsJSON"])}
    yield decoded
    attributes["panelsJSON"] = json.dumps(list(decoded.values()))


@contextmanager
def state(found, panel="tasks", board=BOARD):
    """What a Lens panel keeps: to be changed."""
    with panels(found, board) as decoded:
        yield decoded[panel]["embeddableConfig"]["attributes"]["state"]


@contextmanager
def layer(found, panel="tasks", board=BOARD):
    """The layer of data of a Lens panel."""
    with state(found, panel, board) as kept:
        yield kept["datasourceStates"]["formBased"]["layers"]["data"]


# Found by structure


@fault(STRUCTURAL, "it shows verdict.state as number, not as string")
def a_last_value_of_the_wrong_kind(found):
    with layer(found, "verdict", "slowtask-queues") as kept:
        kept["columns"]["state"]["dataType"] = "number"


@fault(STRUCTURAL, "Lens refuses different time shifts beside terms")
def a_time_shift_in_a_table_of_terms(found):
    with layer(found, "last-day", "slowtask-what-changed") as kept:
        kept["columns"]["mean-then"]["timeShift"] = "1w"


@fault(STRUCTURAL, "it is sorted by a metric of its own and has none")
def an_order_without_its_metric(found):
    with layer(found, "releases", "slowtask-what-changed") as kept:
        del kept["columns"]["service-version"]["params"]["orderAgg"]


@fault(STRUCTURAL, "it refers to costX9, which isn't there")
def arithmetic_over_a_column_that_is_not_there(found):
    with layer(found, "last-day", "slowtask-what-changed") as kept:
        kept["columns"]["costX3"]["params"]["tinymathAst"]["args"][0]["args"][1] = "costX9"


@fault(STRUCTURAL, "more than one column is spread across it")
def two_columns_across_a_table(found):
    with state(found, "releases", "slowtask-what-changed") as kept:
        kept["visualization"]["columns"][1]["isTransposed"] = True


@fault(STRUCTURAL, "leads to index-pattern slowtask-gone")
def a_dangling_reference(found):
    named(found, BOARD)["references"][0]["id"] = "slowtask-gone"


@fault(STRUCTURAL, "lacks a data view")
def a_missing_reference_of_a_layer(found):
    references = named(found, BOARD)["references"]
    references.remove(next(each for each in references if each["name"].startswith("tasks:")))


@fault(STRUCTURAL, "nothing uses the reference")
def a_reference_that_nothing_uses(found):
    spare = {"type": "index-pattern", "id": "slowtask-runs", "name": "gone:panel_gone"}
    named(found, BOARD)["references"].append(spare)


@fault(STRUCTURAL, "control queue-name has no reference")
def a_control_without_its_reference(found):
    references = named(found, BOARD)["references"]
    references.remove(next(each for each in references if "queue-name" in each["name"]))


@fault(STRUCTURAL, "to a Discover session")
def a_session_that_is_not_there(found):
    found.remove(named(found, "slowtask-slowest-runs"))


@fault(STRUCTURAL, "objects have this id")
def an_id_twice(found):
    found.append(found[0])


@fault(STRUCTURAL, "panels have the id runs")
def a_panel_twice(found):
    attributes = named(found, BOARD)["attributes"]
    decoded = json.loads(attributes["panelsJSON"])
    attributes["panelsJSON"] = json.dumps([*decoded, decoded[0]])


@fault(STRUCTURAL, "typeMigrationVersion is 10.9.9")
def a_version_that_is_too_new(found):
    named(found, BOARD)["typeMigrationVersion"] = "10.9.9"


@fault(STRUCTURAL, "typeMigrationVersion is None")
def a_version_that_is_missing(found):
    del named(found, "slowtask-runs")["typeMigrationVersion"]


@fault(STRUCTURAL, "overlaps")
def panels_that_overlap(found):
    with panels(found) as decoded:
        decoded["tasks"]["gridData"]["w"] += 1


@fault(STRUCTURAL, "leaves the grid")
def a_panel_that_leaves_the_grid(found):
    with panels(found) as decoded:
        decoded["holders"]["gridData"]["w"] += 1


@fault(STRUCTURAL, "its place is that of")
def a_panel_in_the_place_of_another(found):
    with panels(found) as decoded:
        decoded["tasks"]["gridData"]["i"] = "runs"


@fault(STRUCTURAL, "columnOrder and columns differ by p95")
def a_column_missing_in_the_order(found):
    with layer(found) as kept:
        kept["columnOrder"].remove("p95")


@fault(STRUCTURAL, "its columns aren't in the order of columnOrder")
def columns_in_another_order(found):
    with layer(found) as kept:
        kept["columns"] = dict(sorted(kept["columns"].items()))


@fault(STRUCTURAL, "a metric comes before a bucket")
def a_metric_before_a_bucket(found):
    with layer(found) as kept:
        kept["columnOrder"].reverse()


@fault(STRUCTURAL, "there is no field task.title")
def an_unknown_field(found):
    with layer(found) as kept:
        kept["columns"]["task-name"]["sourceField"] = "task.title"


@fault(STRUCTURAL, "error.message is text")
def terms_of_a_text(found):
    with layer(found, "exceptions") as kept:
        kept["columns"]["error-type"]["sourceField"] = "error.message"


@fault(STRUCTURAL, "task.name is keyword")
def a_sum_of_names(found):
    with layer(found) as kept:
        kept["columns"]["total"]["sourceField"] = "task.name"


@fault(STRUCTURAL, "there is no operation median_absolute_deviation")
def an_operation_that_is_none(found):
    with layer(found) as kept:
        kept["columns"]["p95"]["operationType"] = "median_absolute_deviation"


@fault(STRUCTURAL, "it draws p96")
def an_accessor_that_is_no_column(found):
    with state(found, "task-time") as kept:
        kept["visualization"]["layers"][0]["accessors"] = ["p96"]


@fault(STRUCTURAL, "is drawn as a bucket, and is none")
def a_metric_drawn_as_a_bucket(found):
    with state(found, "durations") as kept:
        kept["visualization"]["xAccessor"] = "runs"


@fault(STRUCTURAL, "p95 isn't drawn")
def a_column_that_is_not_drawn(found):
    with state(found) as kept:
        drawn = kept["visualization"]["columns"]
        drawn.remove(next(each for each in drawn if each["columnId"] == "p95"))


@fault(STRUCTURAL, "sorted by mean, which is no column")
def a_table_sorted_by_what_is_not_there(found):
    with state(found) as kept:
        kept["visualization"]["sorting"]["columnId"] = "mean"


@fault(STRUCTURAL, "it is sorted by mean, which isn't there")
def terms_sorted_by_what_is_not_there(found):
    with layer(found) as kept:
        kept["columns"]["task-name"]["params"]["orderBy"]["columnId"] = "mean"


@fault(STRUCTURAL, "it can't be sorted by share")
def terms_sorted_by_a_formula(found):
    with layer(found) as kept:
        kept["columns"]["task-name"]["params"]["orderBy"]["columnId"] = "share"


@fault(STRUCTURAL, "is left out without the other terms")
def missing_values_without_other_ones(found):
    with layer(found, "killed") as kept:
        kept["columns"]["event-reason"]["params"]["otherBucket"] = False


@fault(STRUCTURAL, "it refers to nothing")
def a_formula_without_a_part(found):
    with layer(found, "failed") as kept:
        kept["columns"]["failed"]["references"] = ["nothing"]


@fault(STRUCTURAL, "what is")
def a_filter_that_cannot_be_read(found):
    with state(found, "exceptions") as kept:
        kept["query"]["query"] = 'event.outcome : "failure" "success"'


@fault(STRUCTURAL, "there is no field event.result")
def a_filter_on_an_unknown_field(found):
    with state(found, "exceptions") as kept:
        kept["query"]["query"] = 'event.result : "failure"'


@fault(STRUCTURAL, "ignores the panel's own, too")
def a_filter_that_is_ignored(found):
    with layer(found, "exceptions") as kept:
        kept["ignoreGlobalFilters"] = True


@fault(STRUCTURAL, "lnsPie is a type")
def a_type_of_panel_that_may_be_dropped(found):
    with panels(found) as decoded:
        decoded["tasks"]["embeddableConfig"]["attributes"]["visualizationType"] = "lnsPie"


@fault(STRUCTURAL, "it draws the layers")
def lines_without_their_columns(found):
    with panels(found, "slowtask-queues") as decoded:
        shown = decoded["headroom"]["embeddableConfig"]["attributes"]
        shown["state"]["visualization"]["layers"][1]["layerId"] = "other"


@fault(STRUCTURAL, "slowtask-runs: there is no field task.time")
def a_format_of_an_unknown_field(found):
    attributes = named(found, "slowtask-runs")["attributes"]
    attributes["fieldFormatMap"] = json.dumps({"task.time": {"id": "duration"}})


@fault(STRUCTURAL, "is none of our data streams")
def a_view_of_other_data(found):
    named(found, "slowtask-runs")["attributes"]["title"] = "logs-*"


@fault(STRUCTURAL, "there is no field task.title")
def a_session_with_an_unknown_column(found):
    named(found, "slowtask-slowest-runs")["attributes"]["columns"].append("task.title")


@fault(STRUCTURAL, "error.message is text")
def a_session_sorted_by_a_text(found):
    named(found, "slowtask-slowest-runs")["attributes"]["sort"] = [["error.message", "desc"]]


@fault(STRUCTURAL, "control host-name")
def a_control_of_a_number(found):
    group = named(found, BOARD)["attributes"]["controlGroupInput"]
    controls = json.loads(group["panelsJSON"])
    controls["host-name"]["explicitInput"]["fieldName"] = "process.pid"
    group["panelsJSON"] = json.dumps(controls)


# Found by what a screen has room for


@contextmanager
def widths(found, panel="tasks", board=BOARD):
    """The drawn columns of a table, by their ids."""
    with state(found, panel, board) as kept:
        yield {each["columnId"]: each for each in kept["visualization"]["columns"]}


@contextmanager
def chart(found, panel="task-time", board=BOARD):
    """What a chart draws."""
    with state(found, panel, board) as kept:
        yield kept["visualization"]


@fault(UNREADABLE, "the heading 2026.11.26 > Failed needs")
def a_heading_without_room_for_a_release(found):
    with state(found, "releases", "slowtask-what-changed") as kept:
        [failed] = [each for each in kept["visualization"]["columns"] if each["columnId"] == "failed"]
        failed["width"] = 80


@fault(UNREADABLE, "tasks: no width for p95")
def a_column_without_a_width(found):
    with widths(found) as drawn:
        del drawn["p95"]["width"]


@fault(UNREADABLE, "tasks: its columns need")
def columns_wider_than_their_panel(found):
    with widths(found) as drawn:
        drawn["task-name"]["width"] += 20


@fault(UNREADABLE, "killed: its columns leave")
def columns_that_leave_their_panel_empty(found):
    with panels(found) as decoded:
        decoded["killed"]["gridData"]["w"] += 8


@fault(UNREADABLE, "task-name has 200 px, and a name needs 260")
def a_name_that_is_cut(found):
    with widths(found) as drawn:
        drawn["task-name"]["width"] = 200


@fault(UNREADABLE, "the heading Longest needs")
def a_heading_that_is_cut(found):
    with widths(found) as drawn:
        drawn["longest"]["width"] = 98


@fault(UNREADABLE, "the heading Wait p95 needs")
def a_heading_that_does_not_wrap(found):
    with chart(found, "tasks") as drawn:
        del drawn["headerRowHeight"]


@fault(UNREADABLE, "a value of since needs")
def a_date_that_is_cut(found):
    with panels(found, "slowtask-queues") as decoded:
        drawn = decoded["verdict"]["embeddableConfig"]["attributes"]["state"]["visualization"]["columns"]
        next(each for each in drawn if each["columnId"] == "since")["width"] = 150


@fault(UNREADABLE, "a value of total needs")
def a_number_that_is_cut(found):
    with widths(found) as drawn:
        drawn["total"]["width"] = 70


@fault(UNREADABLE, "worker-time: its title needs")
def a_title_that_is_cut(found):
    with panels(found) as decoded:
        decoded["worker-time"]["embeddableConfig"]["title"] = "Worker time (total Task-time)"


@fault(UNREADABLE, "the label over 100 % its queue grows needs")
def a_label_of_a_number_that_is_cut(found):
    with layer(found, "load-now", "slowtask-queues") as kept:
        kept["columns"]["highest"]["label"] = "over 100 % its queue grows"


@fault(UNREADABLE, "its controls need")
def controls_in_two_lines(found):
    group = named(found, BOARD)["attributes"]["controlGroupInput"]
    group["panelsJSON"] = group["panelsJSON"].replace('"small"', '"medium"')


@fault(UNREADABLE, "task-time: its legend cuts names")
def a_legend_that_is_too_narrow(found):
    with chart(found) as drawn:
        del drawn["legend"]["legendSize"]


@fault(UNREADABLE, "task-time: its legend cuts names")
def a_legend_that_is_cut(found):
    with chart(found) as drawn:
        drawn["legend"]["maxLines"] = 1


@fault(UNREADABLE, "flow: its legend cuts labels")
def a_label_that_is_wider_than_its_legend(found):
    with layer(found, "flow", "slowtask-queues") as kept:
        kept["columns"]["departures"]["label"] = "Departures of all queues"


@fault(UNREADABLE, "its legend is wider than its chart")
def a_legend_that_leaves_no_room(found):
    with panels(found) as decoded:
        decoded["task-time"]["gridData"]["w"] = 16


@fault(UNREADABLE, "Kibana has 20 px for the label of the line 80")
def a_label_at_a_line(found):
    with chart(found, "headroom", "slowtask-queues") as drawn:
        drawn["layers"][1]["yConfig"][0]["textVisibility"] = True


@fault(UNREADABLE, "exceptions: a bar says (missing value)")
def a_bar_of_what_is_missing(found):
    with layer(found, "exceptions") as kept:
        kept["columns"]["error-type"]["params"] |= {"missingBucket": True, "otherBucket": True}


@fault(UNREADABLE, "durations: its lowest range is on top")
def a_heat_map_upside_down(found):
    with layer(found, "durations") as kept:
        kept["columns"]["event-duration"]["params"]["ranges"].reverse()


@fault(UNREADABLE, "slowtask-slowest-runs: opened alone it shows the last 15 minutes")
def a_session_without_a_time_range(found):
    named(found, "slowtask-slowest-runs")["attributes"]["timeRestore"] = False


@fault(UNREADABLE, "slowtask-slowest-runs: it has a time range and no refreshInterval")
def a_session_with_half_a_time(found):
    del named(found, "slowtask-slowest-runs")["attributes"]["refreshInterval"]


@fault(UNREADABLE, "slowtask-slowest-runs: a row is higher than two lines")
def a_session_with_high_rows(found):
    del named(found, "slowtask-slowest-runs")["attributes"]["rowHeight"]


@fault(UNREADABLE, "slowest: no width for @timestamp, event.duration")
def a_session_without_widths(found):
    named(found, "slowtask-slowest-runs")["attributes"]["grid"] = {}


@fault(UNREADABLE, "slowest: its columns need")
def a_session_with_one_column_more(found):
    attributes = named(found, "slowtask-slowest-runs")["attributes"]
    attributes["columns"].append("worker.name")
    attributes["grid"]["columns"]["worker.name"] = {"width": 140}


@fault(UNREADABLE, "slowest: task.name has 120 px, and a name needs 260")
def a_session_that_cuts_names(found):
    named(found, "slowtask-slowest-runs")["attributes"]["grid"]["columns"]["task.name"]["width"] = 120


@fault(UNREADABLE, "slowest: the heading of event.duration needs")
def a_session_that_cuts_a_heading(found):
    named(found, "slowtask-slowest-runs")["attributes"]["grid"]["columns"]["event.duration"]["width"] = 90


@fault(UNREADABLE, "slowest: a value of task.id needs")
def a_session_that_cuts_an_id(found):
    named(found, "slowtask-slowest-runs")["attributes"]["grid"]["columns"]["task.id"]["width"] = 200


# Found only by asking Elasticsearch


@fault(ASKED, "what-changed/last-day: failed-then (Failed then) shows nothing")
def a_day_of_which_there_are_no_runs(found):
    with layer(found, "last-day", "slowtask-what-changed") as kept:
        failed = kept["columns"]["failed-then"]["filter"]
        failed["query"] = failed["query"].replace("now-8d", "now-6d")


@fault(ASKED, "what-changed/last-day: mean-then (Mean then) shows nothing")
def a_table_without_a_time_range_of_its_own(found):
    with panels(found, "slowtask-what-changed") as decoded:
        del decoded["last-day"]["embeddableConfig"]["timeRange"]


@fault(ASKED, "exceptions: it shows nothing")
def a_filter_that_matches_nothing(found):
    with state(found, "exceptions") as kept:
        kept["query"]["query"] = 'event.outcome : "failed"'


@fault(ASKED, "tasks: failed (Failed) shows nothing")
def a_filter_of_a_column_that_matches_nothing(found):
    with layer(found) as kept:
        kept["columns"]["failed"]["filter"]["query"] = 'event.outcome : "failed"'


@fault(ASKED, "failed (failed) shows nothing")
def a_formula_that_is_always_nothing(found):
    with layer(found, "failed") as kept:
        kept["columns"]["failedX0"]["filter"]["query"] = 'event.action : "timeout"'


@fault(ASKED, "it isn't sorted by longest")
def a_table_whose_terms_come_in_another_order(found):
    with layer(found) as kept:
        kept["columns"]["task-name"]["params"]["orderBy"]["columnId"] = "runs"


@fault(ASKED, "it isn't sorted by longest")
def a_table_sorted_the_other_way(found):
    with state(found) as kept:
        kept["visualization"]["sorting"]["direction"] = "asc"


@fault(ASKED, "Elasticsearch has no field task.title")
def a_field_that_the_templates_lack(found):
    with layer(found) as kept:
        kept["columns"]["task-name"]["sourceField"] = "task.title"


@fault(ASKED, "as keyword, which sum can't take")
def a_field_that_the_templates_have_otherwise(found):
    with layer(found, "worker-time") as kept:
        kept["columns"]["total-task-time"]["sourceField"] = "task.id"


@fault(ASKED, "slowtask-slowest-runs: trace.id is empty")
def a_column_that_is_always_empty(found):
    named(found, "slowtask-slowest-runs")["attributes"]["columns"].append("trace.id")


@fault(ASKED, "control service-name offers nothing")
def a_control_that_offers_nothing(found):
    group = named(found, BOARD)["attributes"]["controlGroupInput"]
    controls = json.loads(group["panelsJSON"])
    controls["service-name"]["explicitInput"]["fieldName"] = "trace.id"
    group["panelsJSON"] = json.dumps(controls)
