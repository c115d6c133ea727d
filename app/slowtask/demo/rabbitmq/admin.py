"""Administer a RabbitMQ through its management plugin: virtual hosts, users and permissions."""

import json
import urllib.request
from base64 import b64encode
from typing import Any, Final
from urllib.parse import quote, urlsplit

ANSWER_TIMEOUT: Final = 60.0  #: seconds for one answer of the management API


class RabbitMQAdmin:
    """A running RabbitMQ, with its management plugin and a user who may do everything.

    Args:
        url: Where it takes messages, with that user's name and password.
        management: The URL of the management plugin.
    """

    def __init__(self, url: str, management: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.management = management
        self._user, self._password = parts.username or "guest", parts.password or "guest"
        self._place = f"{parts.hostname}:{parts.port or 5672}"

    def vhost_url(self, vhost: str, user: str | None = None, password: str | None = None) -> str:
        """The URL of *vhost*, by default for the user who may do everything."""
        name = "" if vhost == "/" else quote(vhost, safe="")
        who = f"{user or self._user}:{password or self._password}"
        return f"amqp://{who}@{self._place}/{name}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to the management API and return its answer. Raises `HTTPError`."""
        token = b64encode(f"{self._user}:{self._password}".encode()).decode()
        request = urllib.request.Request(f"{self.management}/api{path}", method=method)
        request.add_header("Authorization", f"Basic {token}")
        request.add_header("Content-Type", "application/json")
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(request, data, timeout=ANSWER_TIMEOUT) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add_vhost(self, name: str) -> str:
        """Create the virtual host *name* and return its URL."""
        self.ask("PUT", f"/vhosts/{quote(name, safe='')}")
        self.permit(self._user, name)
        return self.vhost_url(name)

    def drop_vhost(self, name: str) -> None:
        """Delete the virtual host *name* with all its queues."""
        self.ask("DELETE", f"/vhosts/{quote(name, safe='')}")

    def add_user(self, name: str, password: str, tags: str = "") -> None:
        """Create or change a user; *tags* is, for example, `monitoring`."""
        self.ask("PUT", f"/users/{quote(name, safe='')}", {"password": password, "tags": tags})

    def permit(
        self, user: str, vhost: str, *, configure: str = ".*", write: str = ".*", read: str = ".*"
    ) -> None:
        """Give *user* permissions in *vhost*; each is a regular expression for names."""
        permissions = {"configure": configure, "write": write, "read": read}
        self.ask("PUT", f"/permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", permissions)
