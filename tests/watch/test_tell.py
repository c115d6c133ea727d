"""Channels, with real HTTP servers behind Apprise."""

import io
import queue
import subprocess
import sys
import threading
import time

import pytest
import requests
from conftest import PATIENCE, wait_until

from slowtask.errors import UsageError
from slowtask.watch import tell
from slowtask.watch.channels import disarm, open_senders, try_channels
from slowtask.watch.tell import Channel, Channels, Message
from web import Web

#: Apprise's own limit for an answer, far beyond ours: so it hangs as a library does that has none.
WITHOUT_LIMIT = "?rto=600"


def message(title="t", key="a", state="critical", **others):
    return Message(key=(key,), state=state, title=title, body="b", **others)


def opened(*webs, limit=PATIENCE, pause=0.02):
    urls = [each.url + WITHOUT_LIMIT for each in webs]
    return Channels([Channel(name, send, limit=limit, pause=pause) for name, send in open_senders(urls)])


@pytest.fixture
def hung():
    """A server that takes the message and doesn't answer."""
    with Web() as found:
        found.answering.clear()
        yield found


def test_an_alert_reaches_a_channel_with_its_state(web):
    channels = opened(web)
    channels.send(message("CRITICAL mail"))
    channels.stop()

    [got] = web.got
    assert (got["title"], got["message"], got["type"]) == ("CRITICAL mail", "b", "failure")


def test_a_channel_that_hangs_delays_no_other(web, hung):
    channels = opened(hung, web)
    for n in range(3):
        channels.send(message(f"t{n}", key=f"a{n}"))

    wait_until(lambda: len(web.got) == 3)
    assert hung.tries == 1
    assert hung.got == []
    channels.stop(timeout=0.0)


def test_a_channel_that_hangs_does_not_keep_the_process_from_ending(hung):
    """Its thread is a daemon's, and the end waits for it only as long as `stop` is told to."""
    code = (
        "from slowtask.watch.channels import open_senders\n"
        "from slowtask.watch.tell import Channel, Channels, Message\n"
        f"channels = Channels([Channel(*each) for each in open_senders(['{hung.url}{WITHOUT_LIMIT}'])])\n"
        "channels.send(Message(key=(), state='ok', title='t', body='b'))\n"
        "channels.stop(timeout=0.1)\n"
    )

    done = subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, check=False)

    assert done.returncode == 0


def test_a_send_that_exceeds_its_limit_counts_as_failed_and_is_given_up(hung, caplog):
    channels = opened(hung, limit=0.1)
    channels.send(message("t"))
    wait_until(lambda: hung.tries == 2)
    hung.answering.set()

    wait_until(lambda: hung.got)
    assert "json (1) failed: no answer within 100 ms. This send is given up" in caplog.text
    channels.stop()


def test_only_so_many_threads_hang_in_a_channel_s_library(hung, caplog):
    channels = opened(hung, limit=0.05)
    channels.send(message("t"))
    wait_until(lambda: "3 sends hang in it, so none is tried" in caplog.text)

    assert hung.tries == tell.MAX_STUCK
    assert sum(each.name == "slowtask-json (1)-send" for each in threading.enumerate()) >= tell.MAX_STUCK
    channels.stop(timeout=0.0)


def test_a_channel_that_hung_is_used_again_once_it_answers(hung, caplog):
    caplog.set_level("INFO")
    channels = opened(hung, limit=0.05)
    channels.send(message("old"))
    wait_until(lambda: "so none is tried" in caplog.text)
    hung.answering.set()
    channels.send(message("new"))

    wait_until(lambda: "new" in hung.titles())
    wait_until(lambda: "json (1) works again, after " in caplog.text)
    channels.stop()


def test_one_that_fails_twice_is_tried_a_third_time(caplog):
    with Web(statuses=[500, 503]) as web:
        channels = opened(web)
        channels.send(message("t"))
        wait_until(lambda: web.got)
        channels.stop()

    assert (web.titles(), web.tries) == (["t"], 3)
    assert "json (1) failed: it didn't take the message." in caplog.text


def test_after_an_outage_a_channel_gets_the_newest_state_of_each_alert(web):
    web.status = 500
    channels = opened(web)
    channels.send(message("WARNING mail", key="mail", state="warning"))
    wait_until(lambda: web.tries > 1)
    for n in range(50):
        channels.send(message(f"CRITICAL mail {n}", key="mail"))
        channels.send(message(f"CRITICAL disk {n}", key="disk"))
    channels.send(message("RESOLVED mail", key="mail", state="ok"))
    web.status = 200
    wait_until(lambda: len(web.got) >= 2)
    channels.stop()

    assert set(web.titles()) <= {"CRITICAL mail 49", "CRITICAL disk 49", "RESOLVED mail"}
    assert {"CRITICAL disk 49", "RESOLVED mail"} <= set(web.titles())


def test_a_message_that_is_always_refused_blocks_none_behind_it(caplog):
    taken = []

    def refuse_bad(message):
        taken.append(message.title)
        return message.title != "bad"

    channels = Channels([Channel("slack (1)", refuse_bad, pause=0.0)])
    channels.send(message("bad", key="a"))
    channels.send(message("good", key="b"))

    wait_until(lambda: "good" in taken)
    channels.stop()
    assert "slack (1): an alert could not be sent: bad" in caplog.text


def test_what_waits_is_bounded_and_the_oldest_goes_first(monkeypatch, caplog):
    monkeypatch.setattr(tell, "MAX_WAITING", 3)
    begun, going, titles = threading.Event(), threading.Event(), []

    def send(message):
        begun.set()
        going.wait()
        titles.append(message.title)
        return True

    channel = Channel("slack (1)", send)
    channel.put(message("first", key="first"))
    begun.wait(PATIENCE)
    for n in range(5):
        channel.put(message(f"t{n}", key=f"a{n}"))
    going.set()
    channel.stop()
    channel.join(PATIENCE)

    assert titles == ["first", "t2", "t3", "t4"]
    assert "the oldest is dropped: t1" in caplog.text


def test_a_message_nobody_takes_for_a_day_is_dropped(caplog):
    channel = Channel("slack (1)", lambda _: False, pause=0.0)
    channel.put(message("stale", made=time.monotonic() - tell.MAX_AGE - 1))

    wait_until(lambda: "slack (1): an alert could not be sent: stale" in caplog.text)
    channel.stop()


def test_a_channel_whose_library_raises_is_a_failure_and_no_more(caplog):
    def broken(_):
        raise RuntimeError("gone")

    channels = Channels([Channel("slack (1)", broken, pause=0.0)])
    channels.send(message())
    wait_until(lambda: "slack (1) failed: RuntimeError: gone" in caplog.text)
    channels.stop()

    assert "slack (1): an alert could not be sent: t" in caplog.text


def test_the_wait_for_a_channel_ends_with_the_monitor():
    """A channel that hangs is left behind."""
    blocked = queue.Queue()
    channels = Channels([Channel(f"slow ({n})", lambda _: blocked.get() is None) for n in range(3)])
    channels.send(message())
    start = time.monotonic()
    channels.stop(timeout=0.2)

    assert time.monotonic() - start < PATIENCE
    for _ in range(3):
        blocked.put(None)


def test_a_channel_that_is_none_is_named_by_its_place_for_its_address_is_a_secret(web):
    with pytest.raises(UsageError, match=r"channel 2 of the channels isn.t an address") as raised:
        open_senders([web.url, "nonsense://user:secret@x"])

    assert "secret" not in str(raised.value)


def test_the_channels_can_be_tried(web):
    [(name, taken, _)] = try_channels([web.url])

    assert (name, taken) == ("json (1)", True)
    assert web.titles() == ["TEST: slowtask"]


@pytest.mark.parametrize(
    "evil",
    ["@everyone", "x@HERE", "<@U123>", "<@&42>", "<!channel>", "!channel>", "[docs](http://evil.example)"],
)
def test_a_name_calls_nobody_and_hides_no_link(web, evil):
    [(_, send)] = open_senders([web.url])
    send(message(f"CRITICAL {evil}"))

    [title] = web.titles()
    assert evil not in title
    assert title.replace("\u2060", "") == f"CRITICAL {evil}"


@pytest.mark.parametrize(
    "plain", ["celery@web-1", "amqp://shop:x@queue/v", "rq worker mail", "jobs[0] (late)", "what!"]
)
def test_other_text_is_sent_as_it_is(plain):
    assert disarm(plain) == plain


EVIL = "<b>jobs</b> <!channel> <@U123> [docs](http://evil.example) <http://evil.example|docs> & co"


@pytest.mark.parametrize(
    "url",
    ["slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", "tgram://123456789:abc_DEF/12315544/"],
)
def test_slack_and_telegram_get_no_markup_of_a_name(monkeypatch, url):
    """Their addresses are fixed, so what would be sent there is caught before it leaves."""
    sent = []

    def catch(_self, **options):
        sent.append(str(options.get("data") or options.get("json")))
        response = requests.Response()
        response.status_code, response.raw = 200, io.BytesIO(b"ok")
        return response

    monkeypatch.setattr(requests.Session, "request", catch)
    [(_, send)] = open_senders([url])
    send(message(EVIL))

    [payload] = sent
    assert "&lt;b&gt;jobs&lt;/b&gt;" in payload.replace("\\u2060", "").replace("\u2060", "")
    assert not any(evil in payload for evil in ("<b>jobs", "<!", "<@", "](", "<http", "<a "))
