"""The application: a route for each page, answered from what is known, and what is read meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from slowtask import __version__
from slowtask.cli.serve.cache import Entry
from slowtask.cli.serve.changes import Changes
from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import Problem, Ranking, Waiting
from slowtask.cli.serve.guard import HEALTH, TOKEN, Guard, Rules
from slowtask.cli.serve.pages import diff, error, queues, ranking, task, waiting
from slowtask.cli.serve.polling import Polling
from slowtask.cli.serve.process import ReadingProcess
from slowtask.cli.serve.request import Job, Kind, make_job, plain_words
from slowtask.cli.serve.schedule import Busy, Pending, Schedule, Urgency
from slowtask.cli.serve.setup import Setup
from slowtask.cli.serve.wire import Done, unpack
from slowtask.errors import UsageError
from slowtask.units import printable

AHEAD: Final = 3  #: tasks whose pages are read before anybody asks for them
WAITING_REFRESH: Final = 1  #: seconds after which a page is loaded again
RENEWING_REFRESH: Final = 2
QUEUES_REFRESH: Final = 5
LIVE_REFRESH: Final = 30
NO_STORE: Final = {"Cache-Control": "no-store"}
RENDERERS: Final[dict[Kind, Callable[[Any, Context], str]]] = {
    "ranking": ranking.render,
    "task": task.render,
    "diff": diff.render,
}
TITLES: Final[dict[Kind, str]] = {"ranking": "the ranking", "task": "{name}", "diff": "what changed"}
BUSY: Final = Problem(
    status=503,
    title="Too many pages are being read",
    message="Many different pages were asked for, so this one can't be read now. Load it again in a minute.",
)
NO_PAGE: Final = Problem(
    status=404,
    title="There is no such page",
    message="The pages are / (the ranking), /task/NAME, /diff and /queues.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Answers the requests for pages."""

    setup: Setup
    rules: Rules
    schedule: Schedule
    polling: Polling

    async def ranking(self, request: Request) -> Response:
        """Answer `/`."""
        return await self._answer(request, "ranking")

    async def task(self, request: Request) -> Response:
        """Answer `/task/NAME`."""
        return await self._answer(request, "task", request.path_params["name"])

    async def diff(self, request: Request) -> Response:
        """Answer `/diff`."""
        return await self._answer(request, "diff")

    async def queues(self, request: Request) -> Response:
        """Answer `/queues`."""
        found, seconds = await self.polling.find()
        if found is None:
            data = Waiting(title="the queues", seconds=seconds)
            return respond(waiting.render(data, self.context(request, refresh=WAITING_REFRESH)), 202)
        context = self.context(request, read_at=found.at, refresh=QUEUES_REFRESH)
        return respond(queues.render(found, context))

    def context(self, request: Request, **facts: Any) -> Context:
        """The context of the page that *request* is for."""
        given = request.query_params
        return Context(
            version=__version__,
            now=datetime.now(UTC),
            path=request.scope["path"],
            prefix=self.rules.prefix,
            source=self.setup.words,
            parameters={name: given.getlist(name) for name in given if name != TOKEN},
            **facts,
        )

    def refuse(self, scope: Scope, problem: Problem) -> Response:
        """The page that says why a request isn't answered otherwise."""
        html = error.render(problem, self.context(Request(scope)))
        return HTMLResponse(html, problem.status, headers=NO_STORE)

    async def _answer(self, request: Request, kind: Kind, name: str = "") -> Response:
        """Answer with the figures of a page, or say why not yet."""
        given = request.query_params
        try:
            job = make_job(kind, {each: given.getlist(each) for each in given if each != TOKEN}, name)
            entry, pending = await self.schedule.find(job)
        except UsageError as mistake:
            problem = Problem(status=400, title="Wrong parameters", message=plain_words(str(mistake)))
            return self.refuse(request.scope, problem)
        except Busy:
            return self.refuse(request.scope, BUSY)
        if entry:
            return self._show(request, job, entry, renewing=pending is not None)
        return self._wait(request, job, pending)

    def _show(self, request: Request, job: Job, entry: Entry, *, renewing: bool) -> Response:
        """Show what is known."""
        failed, done = entry.failed, entry.done
        if done is None:
            message = failed.message if failed else ""
            return self.refuse(request.scope, make_problem(failed.status if failed else 500, message))
        context = self.context(
            request, read_at=done.read_at, took=done.took, renewing=renewing,
            problem=f"Newer figures can't be read: {failed.message}" if failed else "",
            refresh=RENEWING_REFRESH if renewing else LIVE_REFRESH,
        )  # fmt: skip
        return respond(RENDERERS[job.kind](unpack(done.figures), context))

    def _wait(self, request: Request, job: Job, pending: Pending | None) -> Response:
        """Say that the figures are being read."""
        title = TITLES[job.kind].format(name=printable(job.name))
        seconds = self.schedule.seconds(pending) if pending else 0.0
        ahead = self.schedule.count_before(pending) if pending else 0
        data = Waiting(
            title=title, seconds=seconds, progress=pending.progress if pending else None, ahead=ahead
        )
        return respond(waiting.render(data, self.context(request, refresh=WAITING_REFRESH)), 202)


def make_problem(status: int, message: str) -> Problem:
    """The problem of figures that couldn't be read."""
    titles = {404: "No figures", 400: "Wrong parameters", 502: "Elasticsearch can't be read"}
    return Problem(status=status, title=titles.get(status, "The logs can't be read"), message=message)


def respond(html: str, status: int = 200) -> Response:
    """A page; one that waits isn't kept by the browser."""
    return HTMLResponse(html, status, headers=NO_STORE if status == HTTPStatus.ACCEPTED else None)


def make_app(setup: Setup, rules: Rules) -> Starlette:
    """Make the application that serves the pages of *setup* by *rules*."""
    reader = ReadingProcess(setup)
    schedule = Schedule(reader, Changes(setup).state)
    pages = Pages(setup=setup, rules=rules, schedule=schedule, polling=Polling(setup))

    @asynccontextmanager
    async def live(app: Starlette) -> AsyncIterator[None]:  # noqa: ARG001 - Starlette's signature
        schedule.ask(Job(kind="ranking"), Urgency.AHEAD)
        work = asyncio.create_task(schedule.run(AheadReader(schedule)))
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            await reader.close()
            await pages.polling.close()

    return Starlette(
        routes=make_routes(pages),
        middleware=[Middleware(Guard, rules=rules, refuse=pages.refuse)],
        exception_handlers={HTTPException: no_page(pages)},
        lifespan=live,
    )


def make_routes(pages: Pages) -> list[Route]:
    """The routes of *pages*."""
    answers: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": pages.ranking,
        "/task/{name:path}": pages.task,
        "/diff": pages.diff,
        "/queues": pages.queues,
        HEALTH: say_ok,
    }
    return [Route(path, answer) for path, answer in answers.items()]


async def say_ok(request: Request) -> Response:  # noqa: ARG001 - Starlette's signature
    """Answer a probe: the server runs."""
    return PlainTextResponse("ok\n", headers=NO_STORE)


def no_page(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    """What answers where there is no page."""

    async def answer(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
        return pages.refuse(request.scope, NO_PAGE)

    return answer


class AheadReader:
    """When the ranking was first read, has the pages of its first tasks read too."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._done = False

    def __call__(self, job: Job, done: Done) -> None:
        """Take what was read for *job*."""
        if self._done or job != Job(kind="ranking"):
            return
        self._done = True
        figures: Ranking = unpack(done.figures)
        with suppress(Busy):
            for each in figures.tasks[:AHEAD]:
                self._schedule.ask(Job(kind="task", name=each.task), Urgency.AHEAD)
