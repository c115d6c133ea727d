"""Stores what the pipelines send, as their output would: where it names, by `create`."""

import json
import ssl
import time
from base64 import b64encode
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

LONGEST = 16.0  #: seconds between two tries, as output.conf says
STORED = {HTTPStatus.CREATED, HTTPStatus.CONFLICT}  #: the second: it is there already
NEVER = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND}  #: it can't be stored: a dead letter


class Output:
    """Elasticsearch at *url*, as one user; *ca* is the file of its authority, where it has TLS."""

    def __init__(self, url, user, password, ca=None, longest=LONGEST):
        token = b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Content-Type": "application/x-ndjson", "Authorization": f"Basic {token}"}
        self._url, self._longest = f"{url}/_bulk", longest
        self._context = ssl.create_default_context(cafile=ca) if ca else None

    def store(self, pipelines, events):
        """Return once Elasticsearch has all *events*; one refused for good becomes an unparsed line."""
        waits = 1.0
        while events:
            answers = self._create(events)
            if answers is None or not any(status in STORED | NEVER for status, _ in answers):
                time.sleep(waits)
                waits = min(2 * waits, self._longest)
                continue
            waits = 1.0
            events = left_over(pipelines, zip(events, answers, strict=True))

    def _create(self, events):
        """The status and the reason of each event by one bulk request; None if there was no such answer."""
        lines = []
        for event in events:
            sent = event["@metadata"]["sent"]
            document = {name: value for name, value in event.items() if name != "@metadata"}
            lines += [{"create": {"_index": sent["index"], "_id": sent["id"]}}, document]
        try:
            items = self._bulk("".join(json.dumps(line) + "\n" for line in lines))["items"]
        except (HTTPError, URLError, OSError) as error:
            print(f"Elasticsearch took nothing: {error}", flush=True)
            return None
        return [(item["create"]["status"], item["create"].get("error")) for item in items]

    def _bulk(self, body):
        """Elasticsearch's answer to one bulk request."""
        request = Request(self._url, body.encode(), self._headers)
        with urlopen(request, timeout=60, context=self._context) as answer:
            return json.load(answer)


def left_over(pipelines, answered):
    """What has to be sent once more, and what the pipelines make of what was refused."""
    again, refused = [], {}
    for event, (status, reason) in answered:
        sent = event["@metadata"]["sent"]
        if status in NEVER:
            print(f"refused by {sent['index']}: {reason}", flush=True)
            refused.setdefault(sent["pipeline"], []).append((event, reason))
        elif status not in STORED:
            again.append(event)
    for pipeline, letters in refused.items():
        again += pipelines.refused(pipeline, letters)
    return again
