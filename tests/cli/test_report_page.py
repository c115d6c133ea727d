"""The report in a real browser: it renders, and neither asks for anything nor runs what a task is called."""

import pytest
from test_cli_report import CLOSING, HOSTILE, broker_sample, queue_sample, reported

import year
from logs import made, written
from slowtask.cli.show.report.chart import PHONE_WIDTH

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("report page")]

BOXES = """[...document.querySelectorAll("svg")].filter(each => each.getBoundingClientRect().width).map(
    each => { const box = each.getBoundingClientRect(); return [box.left, box.right, box.height]; })"""

TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with all its charts."""
    folder = tmp_path_factory.mktemp("report")
    reported(folder, year.write(folder / "year.ndjson", runs=4000))
    return folder / "report.html"


@pytest.fixture
def shown(browser, page):
    """A browser that has just opened it."""
    browser.events.clear()
    browser.open(page)
    return browser


def test_it_asks_for_nothing_but_itself(shown, page):
    assert shown.requests() == [page.as_uri()]


def test_the_browser_has_nothing_to_complain_of(shown):
    shown.evaluate("document.querySelectorAll('button').forEach(each => each.click())")
    shown.point(500, 400)

    assert shown.said() == []


def test_what_the_page_forbids_would_be_seen(shown):
    """So the two tests above can fail."""
    shown.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/x.png'}))")
    shown.evaluate("new Promise(done => setTimeout(done))")

    assert any("Content Security Policy" in str(each) for each in shown.said())


@pytest.mark.parametrize(("width", "phone"), [(1100, False), (390, True), (320, True)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_seen_and_the_page_is_as_wide_as_the_screen(browser, page, scheme, width, phone):
    browser.open(page, scheme=scheme, width=width, phone=phone)
    boxes = browser.evaluate(BOXES)

    assert len(boxes) == 6 + 3
    assert all(left >= 0 and right <= width and height > 100 for left, right, height in boxes)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


def test_the_letters_of_a_chart_are_readable_on_a_phone(browser, page):
    browser.open(page, width=360, phone=True)
    height = browser.evaluate("""Math.min(...[...document.querySelectorAll(".phone svg text")].map(
        each => parseFloat(getComputedStyle(each).fontSize) * each.getScreenCTM().a))""")

    assert PHONE_WIDTH < 360
    assert height >= 9


def contrast(browser, colour, ground):
    """The ratio of WCAG between two of the page's colours."""
    return browser.evaluate(f"""(() => {{
        const light = name => {{
            const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            const parts = [1, 3, 5].map(at => parseInt(hex.slice(at, at + 2), 16) / 255)
                .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
        }};
        const [low, high] = [light("{colour}"), light("{ground}")].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    }})()""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("colour", "least"),
    [("--text", 7), ("--soft", 4.5), ("--bad", 4.5), *((f"--c{place}", 2) for place in range(1, 9))],
)
def test_colours_stand_out_from_the_ground_in_light_and_dark(browser, page, scheme, colour, least):
    browser.open(page, scheme=scheme)

    assert contrast(browser, colour, "--card") >= least


def test_the_schemes_differ(browser, page):
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(page, scheme=scheme)
        grounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert len(set(grounds)) == 2


def test_a_line_takes_its_colour_from_the_scheme(browser, page):
    """Vega wrote `var(--c1)` into its attributes: the browser has to know what that is."""
    browser.open(page)
    line = "[...document.querySelectorAll('path')].find(each => each.getAttribute('stroke') === 'var(--c1)')"

    assert browser.evaluate(f"getComputedStyle({line}).stroke") == "rgb(47, 111, 223)"


def test_a_click_sorts_the_ranking_and_a_second_turns_it_round(shown):
    column = (
        "[...document.querySelectorAll('.ranking tbody tr')].map(each => Number(each.cells[2].dataset.value))"
    )
    runs = "document.querySelectorAll('thead button')[2].click()"
    shown.evaluate(runs)
    falling = shown.evaluate(column)
    shown.evaluate(runs)

    assert falling == sorted(falling, reverse=True)
    assert shown.evaluate(column) == falling[::-1]
    assert shown.evaluate("document.querySelector('[aria-sort]').textContent") == "Runs"


def test_the_pointer_on_a_chart_shows_what_stands_there(shown):
    shown.evaluate("document.querySelectorAll('figure')[0].scrollIntoView()")
    shown.evaluate(TWO_FRAMES)  # the page has told itself that it was scrolled
    x, y = shown.evaluate("""(() => {
        const box = document.querySelectorAll(".desk .tips_marks path")[7].getBoundingClientRect();
        return [box.left + box.width / 2, box.top + box.height / 2];
    })()""")
    shown.point(x, y)
    text = shown.evaluate("document.getElementById('tip').innerText")

    assert "shop.jobs." in text
    assert text == shown.evaluate("""document.querySelectorAll(".desk .tips_marks path")[7].ariaLabel""")


@pytest.mark.parametrize("hostile", [HOSTILE, CLOSING])
def test_text_of_a_task_is_shown_and_never_run(browser, tmp_path, hostile):
    names = {"queue": hostile, "error": hostile, "outcome": "failure", "wait": 10**9}
    samples = queue_sample(0, 5, hostile), broker_sample(0, capacity=0.5)
    runs = [made(hostile, 3, number, **names) for number in range(3)]
    reported(tmp_path, written(tmp_path / "runs.ndjson", runs, *samples))
    browser.events.clear()
    browser.open(tmp_path / "report.html")

    assert hostile in browser.evaluate("document.querySelector('h1').textContent")
    assert browser.evaluate("document.querySelector('tbody th').textContent") == hostile
    assert browser.evaluate("document.querySelectorAll('img, script').length") == 1
    assert (browser.said(), len(browser.requests())) == ([], 1)
