"""Stands in for Kibana where its image can't be had: it takes the dashboards, and checks what it takes.

It logs in to Elasticsearch as `kibana_system`, as Kibana does, asks Elasticsearch who sends an import, and
holds every object against the tests' structural checks. It draws nothing.
"""

import json
import os
import re
import time
from base64 import b64encode
from email.parser import BytesParser
from email.policy import HTTP
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from panels import structure

SETTINGS = Path("/usr/share/kibana/config/kibana.yml")
OBJECTS = {}  #: what was imported, by type and id


def main():
    print("This is slowtask's stand-in for Kibana: it checks dashboards and draws none.", flush=True)
    own = b64encode(f"kibana_system:{os.environ['KIBANA_SYSTEM_PASSWORD']}".encode()).decode()
    while not who(f"Basic {own}"):  # as Kibana: not available before it is let in
        time.sleep(1)
    print("Elasticsearch lets kibana_system in.", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 5601), Handler).serve_forever()  # noqa: S104 - of the container


def who(authorization):
    """The name and the roles that Elasticsearch knows the sender by; None if it doesn't."""
    request = Request(f"{elasticsearch()}/_security/_authenticate", headers={"Authorization": authorization})
    try:
        with urlopen(request, timeout=10) as answer:
            user = json.load(answer)
    except (HTTPError, URLError, OSError):
        return None
    return user["username"], user["roles"]


def elasticsearch():
    """Its address, from the settings that are mounted."""
    return re.search(r'^elasticsearch\.hosts: \["(.+)"\]$', SETTINGS.read_text(), re.MULTILINE)[1]


class Handler(BaseHTTPRequestHandler):
    """The two addresses of Kibana's API that `slowtask setup` uses."""

    def do_GET(self):
        if urlsplit(self.path).path == "/api/status":
            self.answer(HTTPStatus.OK, {"status": {"overall": {"level": "available"}}})
        else:
            self.refuse(HTTPStatus.NOT_FOUND, "Not Found")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        user = who(self.headers.get("Authorization", ""))
        if user is None:
            self.refuse(HTTPStatus.UNAUTHORIZED, "Unauthorized")
        elif "superuser" not in user[1]:
            self.refuse(HTTPStatus.FORBIDDEN, f"{user[0]} may not manage saved objects")
        elif not self.headers.get("kbn-xsrf"):
            self.refuse(HTTPStatus.BAD_REQUEST, "Request must contain a kbn-xsrf header.")
        elif urlsplit(self.path).path != "/api/saved_objects/_import":
            self.refuse(HTTPStatus.NOT_FOUND, "Not Found")
        else:
            self.answer(HTTPStatus.OK, imported(uploaded(self.headers["Content-Type"], body)))

    def answer(self, status, content):
        text = json.dumps(content, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def refuse(self, status, message):
        self.answer(status, {"statusCode": status, "error": status.phrase, "message": message})


def uploaded(kind, body):
    """The saved objects of the file in a form."""
    form = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
    [part] = form.iter_parts()
    return [json.loads(line) for line in part.get_payload(decode=True).splitlines() if line.strip()]


def imported(objects):
    """Keep *objects* if nothing is wrong with any of them; the answer as Kibana's import gives it."""
    faults = structure.faults(objects)
    print(f"{len(objects)} objects, {len(faults)} faults", *faults, sep="\n", flush=True)
    if faults:
        error = {"type": "dashboard", "id": "slowtask", "error": {"type": "unknown", "message": faults[0]}}
        return {"success": False, "successCount": 0, "errors": [error]}
    results = [
        {"type": each["type"], "id": each["id"], "overwrite": (each["type"], each["id"]) in OBJECTS}
        for each in objects
    ]
    OBJECTS.update({(each["type"], each["id"]): each for each in objects})
    return {"success": True, "successCount": len(objects), "successResults": results}


if __name__ == "__main__":
    main()
