"""Refuse requests that the server doesn't answer, and put the headers of safety on all answers.

Only GET and HEAD; on loopback only names of this machine, since any web page could let its own name lead here
(DNS rebinding); with a token only those who have it.
"""

import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slowtask.cli.serve.figures import Problem
from slowtask.cli.serve.pages.frame import policy

MAX_URL: Final = 4000  #: bytes of the path and of the parameters
METHODS: Final = ("GET", "HEAD")
HEALTH: Final = "/health"
TOKEN: Final = "token"  # noqa: S105 - the name of a parameter
LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Refuse = Callable[[Scope, Problem], Response]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who is answered."""

    hosts: Collection[str] | None  #: names that a request may be for; None: any
    token: str | None = None
    prefix: str = ""  #: of paths, behind a reverse proxy
    cookie: str = "slowtask"  #: the name of the cookie
    secure: bool = False  #: whether the proxy speaks HTTPS

    @property
    def proof(self) -> str:
        """What the cookie holds instead of the token."""
        return hmac.digest((self.token or "").encode(), b"slowtask serve", "sha256").hex()


class Guard:
    """Lets those requests through that *rules* allow."""

    def __init__(self, app: ASGIApp, rules: Rules, refuse: Refuse) -> None:
        self._app = app
        self._rules = rules
        self._refuse = refuse
        self._headers = make_headers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let the application do it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        scope = {**scope, "path": strip_prefix(scope["path"], self._rules.prefix)}
        await (self._check(scope) or self._app)(scope, receive, send_safely)

    def _check(self, scope: Scope) -> Response | None:
        """The answer to a request that isn't let through; None for one that is."""
        if problem := find_problem(scope, self._rules):
            response = self._refuse(scope, problem)
            if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
                response.headers["Allow"] = ", ".join(METHODS)
            return response
        if self._rules.token is None or scope["path"] == HEALTH:
            return None
        return self._check_token(Request(scope), self._rules.token)

    def _check_token(self, request: Request, token: str) -> Response | None:
        """Ask for the token: in a header, in a cookie, or once in the URL."""
        if is_same(request.headers.get("authorization", ""), f"Bearer {token}"):
            return None
        if is_same(request.cookies.get(self._rules.cookie, ""), self._rules.proof):
            return drop_token(request, self._rules) if TOKEN in request.query_params else None
        if is_same(request.query_params.get(TOKEN, ""), token):
            return drop_token(request, self._rules)
        response = self._refuse(request.scope, NO_TOKEN)
        response.headers["WWW-Authenticate"] = "Bearer"
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link elsewhere led here, so the browser sent no cookie. It does if the page loads itself.
            response.headers["Refresh"] = "0"
        return response


NO_TOKEN: Final = Problem(
    status=401,
    title="A token is needed",
    message="Open the URL that slowtask serve printed when it started, or put ?token= and the token of"
    " SLOWTASK_SERVE_TOKEN behind this one.",
)
NO_METHOD: Final = Problem(
    status=405, title="Only GET and HEAD", message="slowtask serve only reads: it answers GET and HEAD."
)
TOO_LONG: Final = Problem(
    status=414, title="The URL is too long", message=f"A URL may have {MAX_URL:,} characters: leave out some."
)
WRONG_HOST: Final = Problem(
    status=421,
    title="Another host",
    message="This server answers only for localhost. If a reverse proxy leads here, start slowtask serve with"
    " --url and the address that the proxy has.",
)
FROM_ELSEWHERE: Final = Problem(
    status=403, title="From another site", message="Another site can't load parts of these pages."
)


def find_problem(scope: Scope, rules: Rules) -> Problem | None:
    """Why a request is refused, with or without the token; None if it isn't."""
    headers = Headers(scope=scope)
    if scope["method"] not in METHODS:
        return NO_METHOD
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > MAX_URL:
        return TOO_LONG
    if scope["path"] == HEALTH:
        return None
    if rules.hosts is not None and host_name(headers.get("host", "")) not in rules.hosts:
        return WRONG_HOST
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return FROM_ELSEWHERE
    return None


def strip_prefix(path: str, prefix: str) -> str:
    """*path* without *prefix*, whether the proxy leaves it there or not."""
    if prefix and (path == prefix or path.startswith(f"{prefix}/")):
        return path.removeprefix(prefix) or "/"
    return path


def host_name(header: str) -> str:
    """The name in a `Host` header, without its port; empty if it is none."""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_same(given: str, wanted: str) -> bool:
    """Compare in a time that doesn't tell how much is right."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def drop_token(request: Request, rules: Rules) -> Response:
    """Lead to the same page without the token in its URL, and set the cookie."""
    rest = [pair for pair in parse_qsl(request.url.query, keep_blank_values=True) if pair[0] != TOKEN]
    # Two slashes at the beginning would lead to another host.
    path = f"{rules.prefix}/{quote(request.scope['path'].lstrip('/'))}"
    response = RedirectResponse(f"{path}?{urlencode(rest)}" if rest else path, status_code=303)
    response.headers["Cache-Control"] = "no-store"
    response.set_cookie(
        rules.cookie,
        rules.proof,
        path=rules.prefix or "/",
        httponly=True,
        samesite="strict",
        secure=rules.secure,
    )
    return response


def make_headers() -> Mapping[str, str]:
    """The headers of each answer."""
    return {
        "Content-Security-Policy": policy(),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
    }
