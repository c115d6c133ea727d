"""WATCH: opens the channels of the settings with Apprise, which knows Slack, mail, PagerDuty and many others.

Task, worker and server names are other people's text. Messages go to Apprise as plain text, so it escapes
what Slack, Telegram or a mail would take for markup. Discord and Mattermost read plain text as Markdown:
there `disarm` breaks mentions and links.
"""

import importlib
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from slowtask.errors import UsageError
from slowtask.install import install_command
from slowtask.record.sample import State
from slowtask.watch.tell import Message, Send, Sender

#: What Apprise calls them: a channel shows them in a colour or by a sign.
APPRISE_TYPES: Final[Mapping[State, str]] = {"ok": "success", "warning": "warning", "critical": "failure"}
WORD_JOINER: Final = "\u2060"  #: invisible
#: Places inside a mention (`@everyone`, `<@U1>`, `<!channel>`) or a link (`[text](address)`).
MARKUP: Final = re.compile(
    r"(?<=@)(?=everyone|here|channel|all)|(?<=(?<!\w)@)(?=[\w&!])|(?<=<)(?=[@!#&/])|(?<=!)(?=\w)|(?<=\])(?=\()",
    re.IGNORECASE,
)
TEST: Final = Message(
    key=(), state="ok", title="TEST: slowtask", body="This is a test of slowtask monitor. Nothing is wrong."
)


def open_senders(urls: Sequence[str]) -> list[tuple[str, Send]]:
    """A function that sends for each of Apprise's *urls*, by name. Raises `UsageError` for invalid ones."""
    if not urls:
        return []
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError:
        raise UsageError(f"channels need Apprise: {install_command('monitor')}.") from None
    asset = _make_asset(apprise)
    found = [
        (url.partition(":")[0], apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True))
        for url in urls
    ]
    wrong = [place for place, (_, channel) in enumerate(found, 1) if channel is None]
    if wrong:  # an address holds secrets: it is reported by its position
        raise UsageError(
            f"channel {', '.join(map(str, wrong))} of the channels isn't an address that Apprise knows."
            " See https://github.com/caronc/apprise for their form."
        )
    return [
        (f"{kind} ({place})", _make_send(apprise, channel)) for place, (kind, channel) in enumerate(found, 1)
    ]


def _make_asset(apprise: Any) -> Any:
    """Apprise's settings, without a time limit of its own.

    To keep one, Apprise 2 sends in a thread that Python waits for when the process ends.
    """
    try:
        return apprise.AppriseAsset(service_timeout=0)
    except AttributeError:  # Apprise 1 has no such limit
        return apprise.AppriseAsset()


def _make_send(apprise: Any, channel: Any) -> Send:
    """A function that sends to one of Apprise's channels."""
    box = apprise.Apprise(asset=channel.asset)
    box.add(channel)

    def send(message: Message) -> bool:
        return bool(
            box.notify(
                title=disarm(message.title),
                body=disarm(message.body),
                notify_type=APPRISE_TYPES[message.state],
                body_format="text",
            )
        )

    return send


def disarm(text: str) -> str:
    """*text* with an invisible character in each mention and link: so it calls nobody and hides nothing."""
    return MARKUP.sub(WORD_JOINER, text)


def try_channels(urls: Sequence[str]) -> list[tuple[str, bool, float]]:
    """Send a test to each channel; returns its name, whether it was taken, and the seconds that took."""
    found = []
    for name, send in open_senders(urls):
        start = time.monotonic()
        taken = Sender(name, send).try_send(TEST)
        found.append((name, taken, time.monotonic() - start))
    return found
