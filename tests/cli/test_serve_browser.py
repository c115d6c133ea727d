"""The pages of `slowtask serve` in a real browser: keys alone, light and dark, a phone, no request leaves."""

from urllib.parse import quote, unquote

import msgspec
import pytest

import shop
from logs import line, made
from served import Served

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("serve browser")]

HOSTILE = '"></title></script><script>alert(1)</script><img src=x onerror=alert(1)> \x1b[2J'
NAMES = (HOSTILE, "x" * 10_000, "a/b c?d=«ü»#'q' 任務")
TASK = "shop.invoices.render_pdf"
#: Every page, with what it takes.
PAGES = (
    "/", f"/task/{TASK}", "/diff?by=version&before=1.4&after=1.5", "/queues", "/?group-by=queue",
    f"/task/{quote(HOSTILE, safe='')}", "/?since=nonsense", "/task/nowhere", "/?filter=mail&sort=p95",
)  # fmt: skip
FOCUSED = "document.activeElement.textContent"
ROWS = (
    "[...document.querySelectorAll('.ranking tbody tr:not([hidden])')].map(row => row.cells[0].dataset.value)"
)

#: The least contrast of the page's texts to what is behind them, and the text that has it.
CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const parse = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => [0, 1, 2].map(at => top[at] * top[3] + under[at] * (1 - top[3])).concat(1);
  const ground = element => {
    const own = parse(getComputedStyle(element).backgroundColor);
    if (own[3] === 1) return own;
    return over(own, element.parentElement ? ground(element.parentElement) : [255, 255, 255, 1]);
  };
  const light = colour => {
    const parts = colour.slice(0, 3).map(each => each / 255)
      .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  let least = [99, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const drawn = element.closest("svg, script, noscript");
    if (!walker.currentNode.data.trim() || drawn || !element.offsetParent) continue;
    const behind = ground(element), text = over(parse(getComputedStyle(element).color), behind);
    const [low, high] = [light(text), light(behind)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < least[0]) least = [ratio, walker.currentNode.data.trim().slice(0, 60)];
  }
  return least;
})()"""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serve")
    log = shop.write(folder / "slowtask.ndjson", runs=1500)
    with log.open("ab") as file:
        for number in range(60):
            run = made(NAMES[number % 3], 0.01, number, version=HOSTILE, queue=HOSTILE)
            file.write(line(msgspec.structs.replace(run, timestamp=shop.END)) + b"\n")
    shop.write_monitor(folder / "slowtask-monitor.ndjson")
    with Served(folder) as server:
        for target in PAGES:
            server.get(target)  # so that no test meets a page that waits
        yield server


@pytest.fixture
def show(browser, served):
    """Shows a page of the server."""

    def open_page(target="/", **how):
        browser.events.clear()
        browser.open(f"http://127.0.0.1:{served.port}{target}", **how)
        return browser

    return open_page


@pytest.mark.parametrize("target", PAGES)
def test_nothing_leaves_the_page_and_the_browser_has_nothing_to_complain_of(show, target):
    page = show(target)
    for button in ("thead button", "thead a"):
        page.evaluate(f"document.querySelectorAll('.ranking {button}').forEach(each => each.click())")
    page.press("j", "?", "Escape")
    loaded = [each for each in page.requests() if not each.startswith("data:")]
    status = page.evaluate("performance.getEntriesByType('navigation')[0].responseStatus")
    said = [each for each in page.said() if status == 200 or each.get("entry", {}).get("source") != "network"]

    assert len(loaded) == 1
    assert said == []


def test_what_the_policy_forbids_would_be_seen(show):
    """So the test above can fail."""
    page = show()
    page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/x.png'}))")
    page.evaluate("new Promise(done => setTimeout(done))")

    assert any("Content Security Policy" in str(each) for each in page.said())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("target", PAGES)
def test_a_page_is_as_wide_as_the_screen_and_can_be_read(show, target, width, scheme):
    page = show(target, width=width, phone=width < 600, scheme=scheme)
    ratio, text = page.evaluate(CONTRAST)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert ratio >= 4.5, text


def test_the_schemes_have_different_grounds(show):
    ground = "getComputedStyle(document.body).backgroundColor"

    assert show(scheme="light").evaluate(ground) != show(scheme="dark").evaluate(ground)


def test_keys_alone_lead_from_the_ranking_to_a_task_and_on(show):
    page = show()
    page.press("j", "j", "ArrowDown", "k")
    second = page.evaluate(FOCUSED)
    with page.loading():
        page.press("Enter")

    assert second == page.evaluate("document.querySelector('h1').textContent")
    page.press("j")
    with page.loading():
        page.press("Enter")
    assert "where=" in page.evaluate("location.search")


def test_the_row_that_has_the_focus_keeps_it_when_the_page_loads_itself_again(show):
    page = show()
    page.press("j", "j")
    before = page.evaluate(FOCUSED)
    with page.loading():
        page.evaluate("loadAgain()")

    assert before != page.evaluate("document.querySelector('tbody a').textContent")
    assert page.evaluate(FOCUSED) == before


def test_the_focus_can_be_seen(show):
    page = show()
    page.press("j")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")

    assert outline == "solid"


def test_a_tab_comes_first_to_the_link_that_skips_the_head(show):
    page = show()
    page.press("Tab")
    first = page.evaluate(FOCUSED)
    page.press("Enter")

    assert first == "Skip to the figures"
    assert page.evaluate("document.activeElement.id") == "main"


def test_the_tab_goes_through_the_page_in_the_order_of_the_eye(show):
    page = show()
    places = []
    for _ in range(14):
        page.press("Tab")
        places.append(page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))

    assert places[1:] == sorted(places[1:])


def test_a_slash_filters_the_rows_at_each_key_and_escape_shows_all(show):
    page = show()
    everything = page.evaluate(ROWS)
    page.press("/", "m", "a", "i", "l")
    some = page.evaluate(ROWS)
    address = page.evaluate("location.search")
    page.press("Escape")

    assert some == [each for each in everything if "mail" in each]
    assert address == "?filter=mail"
    assert page.evaluate(ROWS) == everything
    assert page.evaluate("location.search") == ""


def test_enter_in_the_filter_goes_to_the_first_row(show):
    page = show()
    page.press("/", "l", "e", "t", "t", "e", "r", "Enter")

    assert page.evaluate(FOCUSED) == "shop.mail.send_newsletter"


def test_a_title_sorts_without_a_reload_and_the_address_keeps_it(show):
    page = show()
    page.evaluate("window.same = true")
    page.evaluate("[...document.querySelectorAll('thead a')].find(each => each.text === 'Runs').click()")
    rows, same = page.evaluate(ROWS), page.evaluate("window.same")
    page = show(page.evaluate("location.pathname + location.search"))

    assert same
    assert page.evaluate("location.search") == "?sort=runs&order=descending"
    assert page.evaluate(ROWS)[:8] == rows[:8]


def test_a_question_mark_shows_the_keys_and_escape_closes_them(show):
    page = show()
    page.press("?")
    is_open = page.evaluate("document.getElementById('keys').open")
    page.press("Escape")

    assert is_open
    assert not page.evaluate("document.getElementById('keys').open")


def test_a_form_is_filled_and_sent_with_keys(show):
    page = show("/diff?by=version&before=1.4&after=1.5")
    page.evaluate("document.querySelector('input[name=at]').focus()")
    page.press("1", "d")
    with page.loading():
        page.press("Enter")

    assert page.evaluate("new URLSearchParams(location.search).get('at')") == "1d"


def test_without_its_script_the_page_says_the_same(show, browser):
    rows = show().evaluate(ROWS)
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page = show("/?sort=task")
        names = page.evaluate(
            "[...document.querySelectorAll('.ranking tbody th')].map(each => each.dataset.value)"
        )
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)

    assert names == sorted(rows)


def test_a_hostile_name_is_text(show):
    page = show(f"/task/{quote(HOSTILE, safe='')}")

    assert page.evaluate("document.querySelector('h1').textContent").startswith('"></title></script><script>')
    assert page.evaluate("document.scripts.length") == 1
    assert page.evaluate("document.images.length") == 0


@pytest.mark.parametrize("name", NAMES[::2])
def test_the_row_of_a_strange_name_leads_to_its_page(show, served, name):
    page = show()
    paths = page.evaluate("[...document.querySelectorAll('tbody a')].map(each => each.pathname)")
    [target] = [each for each in paths if unquote(each) == f"/task/{name}"]
    served.get(target)
    page = show(target)

    assert page.evaluate("document.querySelector('.over').textContent") == "Task"


def test_the_page_that_waits_loads_itself_until_the_figures_are_there(show, browser):
    page = show("/?since=2026-11-24")
    for _ in range(60):
        if page.evaluate("!!document.querySelector('.ranking')"):
            break
        with page.loading():
            pass

    assert page.evaluate("document.querySelector('h1').textContent").startswith(TASK)
