"""The pages of `slowtask serve` as HTML: what they show, where their links lead, and what can do no harm."""

from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

import serve_pages
import shop
from logs import made, written
from serve_pages import context, judge, read_diff, read_ranking, read_task
from slowtask.cli.serve.figures import Problem, Queues, Waiting
from slowtask.cli.serve.pages import diff, error, queues, ranking, task, waiting
from slowtask.cli.serve.pages.frame import policy, script, style
from slowtask.cli.show.report.ranking import MAX_ROWS
from slowtask.parse.sources import resolve
from slowtask.store import Query
from slowtask.store.rollup.writing import History

pytestmark = pytest.mark.xdist_group("serve pages")

HOSTILE = '"></title></script><script>alert(1)</script><img src=x onerror=alert(1)>/../% \u202e\x1b[2J'
#: Elements that could load or run something, or lead elsewhere.
ACTIVE = {"img", "image", "iframe", "object", "embed", "use", "foreignobject", "base"}


class Page(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.texts, self._open = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style", "noscript"):
            self._open.append(tag)

    def handle_endtag(self, tag):
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data):
        if not self._open:
            self.texts.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())

    @property
    def links(self):
        return [attributes["href"] for tag, attributes in self.elements if tag == "a"]

    def named(self, tag):
        """The attributes of all elements *tag*."""
        return [attributes for name, attributes in self.elements if name == tag]

    def rows(self):
        """The names of the ranking's rows."""
        return [each["data-value"] for each in self.named("th") if "data-value" in each]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def logs(folder):
    return [
        shop.write(folder / "slowtask.ndjson", runs=1200),
        shop.write_monitor(folder / "slowtask-monitor.ndjson"),
    ]


@pytest.fixture(scope="module")
def figures(logs):
    """The figures of the ranking."""
    return read_ranking(logs)


def ranked(figures, **parameters):
    """The page `/` with the *parameters* of a URL."""
    given = {name: [value] for name, value in parameters.items()}
    return Page(ranking.render(figures, context(parameters=given)))


def test_each_task_of_the_ranking_leads_to_its_page_for_the_same_runs(figures):
    page = ranked(figures, since="1d", queue="mail")
    url = urlsplit(next(link for link in page.links if "mail.send_newsletter" in link))

    assert unquote(url.path) == "/task/shop.mail.send_newsletter"
    assert parse_qs(url.query) == {"since": ["1d"], "queue": ["mail"]}


def test_the_headline_the_figures_and_the_charts_are_those_of_the_report(figures):
    text = ranked(figures).text

    assert "used" in text.partition("Ranking")[2]
    for title in ("Worker time", "Task-time", "Waits", "Failures", "Queue depth", "Broker memory"):
        assert title in text
    assert "reports: the first job has waited 4m 12s." in text


@pytest.mark.parametrize(
    ("wanted", "value"),
    [("runs", lambda task: -task.count), ("p95", lambda task: -task.p95), ("task", lambda task: task.task)],
)
def test_the_url_sorts_the_table_without_a_script(figures, wanted, value):
    page = ranked(figures, sort=wanted)

    assert page.rows() == [each.task for each in sorted(figures.tasks, key=value)]


def test_a_title_leads_to_the_other_direction_once_it_sorts(figures):
    links = [
        [parse_qs(urlsplit(each).query) for each in ranked(figures, **parameters).links]
        for parameters in ({}, {"sort": "runs", "order": "descending"})
    ]

    assert {"sort": ["runs"], "order": ["descending"]} in links[0]
    assert {"sort": ["runs"], "order": ["ascending"]} in links[1]


def test_the_url_filters_the_rows(figures):
    assert ranked(figures, filter="MAIL").rows() == [
        each.task for each in figures.tasks if "mail" in each.task
    ]
    assert "No task has “nowhere” in its name." in ranked(figures, filter="nowhere").text


def test_the_filter_also_finds_what_the_table_leaves_out(tmp_path):
    runs = [made(f"job.number_{each}", 2.0 if each else 0.1, each) for each in range(MAX_ROWS + 2)]
    figures = read_ranking([written(tmp_path / "runs.ndjson", runs)])

    assert "job.number_0" not in ranked(figures).rows()
    assert ranked(figures, filter="number_0").rows() == ["job.number_0"]


def test_a_row_of_another_field_leads_to_its_tasks(logs):
    figures = read_ranking(logs, Query(group="service.version"))
    page = Page(ranking.render(figures, context(parameters={"group-by": ["version"]})))

    assert "/?where=version%3D1.5" in page.links


def test_the_period_that_is_shown_is_marked_and_keeps_the_rest(figures):
    page = ranked(figures, since="1d", where="tenant=acme")
    marked = [each for each in page.named("a") if each.get("aria-current") == "true"]

    assert "since=1d" in marked[0]["href"]
    assert all("where=tenant%3Dacme" in each for each in page.links if "since=7d" in each)


def test_a_chosen_queue_can_be_taken_away(figures):
    page = ranked(figures, queue="mail", since="1d")
    [chip] = [each for each in page.named("a") if each.get("class") == "chip"]

    assert chip["href"] == "/?since=1d"


def test_a_period_of_ones_own_is_in_the_open_form(figures):
    page = ranked(figures, since="2026-11-24", until="2026-11-25")
    fields = {each["name"]: each.get("value") for each in page.named("input") if each["name"] != "filter"}

    assert "open" in page.named("details")[0]
    assert fields["since"] == "2026-11-24"
    assert fields["until"] == "2026-11-25"


def test_the_state_says_what_time_the_figures_are_of_and_whether_they_are_renewed(figures):
    now = replace(context(), renewing=True, problem="logs/ can't be read: check its rights.")
    text = Page(ranking.render(figures, now)).text

    assert "figures of 14:00:11 UTC" in text
    assert "being renewed" in text
    assert "logs/ can't be read: check its rights." in text


def test_old_figures_say_how_old_they_are(figures):
    old = replace(context(), read_at=shop.END - serve_pages.timedelta(days=1, minutes=5))

    assert "figures of 25 Nov 2026 13:55:00 UTC (1d 0h ago)" in Page(ranking.render(figures, old)).text


def test_the_page_of_a_task_has_all_that_the_command_shows(logs):
    page = Page(task.render(read_task(logs[:1], "shop.mail.send"), context("/task/shop.mail.send")))

    for part in ("Run times", "Run time over time", "By version", "By worker", "Exceptions", "Longest runs"):
        assert part in page.text
    assert "slowtask.ndjson at byte" in page.text
    assert any(link.startswith("https://apm.example.org/trace/") for link in page.links)
    assert "/diff?by=version" in page.links
    assert "/task/shop.images.resize" in page.links  # it waited behind that


def test_the_page_of_a_task_of_a_history_has_what_it_knows_and_says_what_not(tmp_path):
    log, history = shop.write(tmp_path / "runs.ndjson.1", runs=1200), tmp_path / "history"
    history.mkdir()
    list(History(folder=history).add(resolve([str(log)])))
    page = Page(task.render(read_task([history], "shop.mail.send"), context("/task/shop.mail.send")))

    for part in ("Run times", "Run time over time", "By version", "Exceptions", "come from whole hours"):
        assert part in page.text
    assert "Longest runs" not in page.text
    assert "The history has no single runs, so these aren't known: the longest runs, hosts" in page.text
    assert "/task/shop.mail.send?where=version%3D1.5" in page.links


def test_a_value_on_the_page_of_a_task_chooses_its_runs(logs):
    page = Page(task.render(read_task(logs[:1], "shop.mail.send"), context("/task/shop.mail.send")))

    assert "/task/shop.mail.send?where=version%3D1.5" in page.links


def test_what_changed_is_headed_with_the_sentence_and_leads_to_the_tasks(logs):
    given = {"by": ["version"], "before": ["1.4"], "after": ["1.5"], "queue": ["reports"]}
    page = Page(diff.render(read_diff(logs[:1]), context("/diff", parameters=given)))

    assert "shop.invoices.render_pdf got slower" in page.text
    assert "/task/shop.invoices.render_pdf?queue=reports" in page.links


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"by": ["tenant"], "before": ["a"], "after": ["b"]}, {"by": "tenant", "before": "a", "after": "b"}),
        ({"at": ["2h"]}, {"at": "2h"}),
        ({"before": ["2d..1d"], "after": ["1d..0s"]}, {"before": "2d..1d", "after": "1d..0s"}),
        ({"since": ["1h"], "against": ["1d"]}, {"since": "1h", "against": "1d"}),
    ],
)
def test_the_form_that_made_the_page_has_its_values(logs, given, shown):
    html = diff.render(read_diff(logs[:1]), context("/diff", parameters=given))
    form = html.partition('class="shown"')[2].partition("</form>")[0]
    fields = {each["name"]: each["value"] for each in Page(form).named("input") if "type" not in each}

    assert fields == shown


def test_the_queues_say_what_is_wrong_why_and_what_to_do():
    page = Page(queues.render(judge(shop.watch()), context("/queues")))

    assert "The queues are in trouble." in page.text
    assert "Flow ok464 jobs wait" in page.text
    assert "Broker criticalbroker-capacity, as above" in page.text
    assert "/?queue=reports" in page.links
    assert "/task/shop.reports.monthly_sales" in page.links


def test_queues_that_are_well_say_so():
    assert "The queues are well." in Page(queues.render(judge(shop.watch(trouble=False)), context())).text


def test_without_a_broker_the_queues_are_unknown_and_not_well():
    page = Page(queues.render(Queues(origin="nothing", note="Name a broker with --redis-url."), context()))

    assert "It isn't known how the queues are." in page.text
    assert "Name a broker with --redis-url." in page.text


def monitored(**others):
    """The page of what a monitor wrote."""
    last = [*shop.samples()][-4:]
    figures = Queues(origin="monitor", samples=last, alerts=shop.alerts()[1:3], at=shop.END)
    return Page(queues.render(replace(figures, **others), context("/queues")))


def test_without_a_broker_the_monitor_tells_of_the_queues():
    page = monitored()

    assert "The queues are in trouble." in page.text
    assert "2 alerts critical queue-growing reports" in page.text
    assert "redis://queue:6379: 45 % of its memory" in page.text


def test_of_a_monitor_that_stopped_the_alerts_are_not_shown_as_those_of_now():
    page = monitored(stale=True, note="The last sample is 3 h old: is slowtask monitor running?")

    assert "It isn't known how the queues are." in page.text
    assert "3 queues, by an old sample" in page.text
    assert "queue-growing" not in page.text


@pytest.mark.parametrize(
    ("progress", "says"), [(0.42, "42 % done, after 3.2 s."), (None, "How much is done isn't known yet")]
)
def test_the_waiting_page_says_how_far_it_is_and_loads_itself_again(progress, says):
    html = waiting.render(Waiting(title="the ranking", seconds=3.2, progress=progress), context(refresh=1))

    assert says in Page(html).text
    assert '<noscript><meta http-equiv="refresh" content="1"></noscript>' in html


def test_a_page_that_waits_for_others_says_so():
    html = waiting.render(Waiting(title="the ranking", seconds=0.1, ahead=2), context(refresh=1))

    assert "2 other pages are read first." in Page(html).text


def test_an_error_says_what_to_do_and_keeps_the_forms_of_what_changed():
    problem = Problem(status=400, title="The period is wrong", message="at 'x' is not a time: write 1h.")
    page = Page(error.render(problem, context("/diff", parameters={"at": ["x"]})))

    assert "at 'x' is not a time: write 1h." in page.text
    assert ("at", "x", None) in [
        (each["name"], each["value"], each.get("type")) for each in page.named("input")
    ]


def hostile_pages(folder, name):
    """Every page, with *name* wherever a text comes from a log, a broker or a URL."""
    others = {"queue": name, "error": name, "message": name, "outcome": "failure", "wait": 10**9}
    runs = [
        made(task, 3, each, version=name if each % 2 else "1", host=name, worker=name, **others)
        for each in range(40)
        for task in (name, f"{name}.x")
    ]
    log = written(folder / "hostile.ndjson", runs)
    given = context("/task/x", parameters={"queue": [name], "where": [f"a={name}"], "filter": [name[:1]]})
    view = shop.watch()
    bad = [replace(each, queue=replace(each.queue, name=name)) for each in view.queues]
    poll = replace(view.poll, name=name, notes=[name])
    yield ranking.render(read_ranking([log]), given)
    yield task.render(read_task([log], name), given)
    yield diff.render(read_diff([log], serve_pages.Wanted(by=("service.version", "1", name))), given)
    yield queues.render(judge(replace(view, queues=bad, poll=poll)), given)
    yield error.render(Problem(status=400, title=name, message=name), given)
    yield waiting.render(Waiting(title=name, seconds=1), replace(given, source=name, problem=name))


@pytest.mark.parametrize(
    "name", [HOSTILE, "${x} $verdict {y}", "tâche «ü» 任務 🐌", "a/b//c?d=e&f#g", "'quoted' \"twice\""]
)
def test_text_from_outside_is_shown_and_can_do_nothing(tmp_path, name):
    for html in hostile_pages(tmp_path, name):
        page = Page(html)

        assert html.count("<script>") == 1
        assert not ACTIVE & {tag for tag, _ in page.elements}
        assert all(not attribute.startswith("on") for _, found in page.elements for attribute in found)
        assert all(link.startswith(("/", "#", "https://apm.example.org/")) for link in page.links)
        assert not {"\x1b", "\u202e"} & set(page.text)


@pytest.mark.parametrize("name", ["a/b//c?d=e&f#g", "with spaces", "100% «ü» 任務", "'q' \"r\"", "</script>"])
def test_the_link_of_a_task_leads_to_that_task(tmp_path, name):
    figures = read_ranking([written(tmp_path / "runs.ndjson", [made(name, 1, each) for each in range(3)])])
    [link] = [each for each in ranked(figures).links if each.startswith("/task/")]

    assert unquote(urlsplit(link).path) == f"/task/{name}"
    assert urlsplit(link).query == ""


def test_a_long_name_is_cut_in_the_middle_and_whole_under_the_pointer(tmp_path):
    name = "first" + 100 * "x" + "last"
    log = written(tmp_path / "runs.ndjson", [made(name, 1, each) for each in range(3)])
    page = ranked(read_ranking([log]))
    [link] = [each for each in page.named("a") if "/task/" in each["href"]]

    assert link["title"] == name
    assert any(text.startswith("first") and text.endswith("last") and "…" in text for text in page.texts)


def test_a_name_of_ten_thousand_characters_keeps_the_page_small(tmp_path):
    log = written(tmp_path / "runs.ndjson", [made("x" * 10_000, 1, each) for each in range(3)])
    figures = replace(read_ranking([log]), drawings=())

    assert len(ranking.render(figures, context())) - len(style()) - len(script()) < 30_000


def test_the_policy_allows_only_the_style_and_the_script_of_the_page(figures):
    html = ranking.render(figures, context())

    assert html.partition("<style>")[2].partition("</style>")[0] == style()
    assert html.partition("<script>")[2].partition("</script>")[0] == script()
    assert policy().startswith("default-src 'none';")
    assert "script-src 'sha256-" in policy()
    assert "connect-src" not in policy()
