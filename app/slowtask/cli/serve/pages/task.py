"""The page `/task/NAME`: all that is known of one task."""

from html import escape

from slowtask.cli.serve.context import Context
from slowtask.cli.serve.figures import TaskFigures
from slowtask.cli.serve.pages.cells import section
from slowtask.cli.serve.pages.frame import frame
from slowtask.cli.show import task_text as words
from slowtask.cli.show.diff import doubts
from slowtask.cli.show.report.links import Links, shorten_middle
from slowtask.cli.show.report.profiles import sections, show_facts
from slowtask.store.profile import Profile
from slowtask.units import capitalize, printable


def render(data: TaskFigures, context: Context) -> str:
    """The HTML of the page."""
    profile = data.profile
    links = Links(task=context.task, value=lambda field, value: link_to(field, value, context))
    charts = [(each.title, each.html) for each in data.drawings]
    parts = [
        f'<section class="card">{show_facts(profile)}{show_ways(profile, context)}</section>',
        *(section(title, html) for title, html in sections(profile, data.pattern, charts, links)),
        *(f'<p class="soft note">{escape(line)}</p>' for line in words.notes(profile)),
        *(f'<p class="soft note">{escape(line)}</p>' for line in doubts(profile.measurement)),
    ]
    about = words.headline(profile).removeprefix(f"{words.name(profile.task)} ")
    return frame(
        shorten_middle(profile.task), "\n".join(parts), context,
        over="Task", about=capitalize(about), whole=printable(profile.task),
    )  # fmt: skip


def link_to(field: str, value: str, context: Context) -> str | None:
    """The address of the same page for the runs with one value of *field*."""
    if not value:
        return None
    given = [each for each in context.parameters.get("where", ()) if each]
    return context.change(where=[*given, f"{field}={value}"])


def show_ways(profile: Profile, context: Context) -> str:
    """The links to what changed; versions are compared if it has two."""
    found = profile.fields.get("version")
    versions = {"Compare the two newest versions": {"by": "version"}} if found and found.values > 1 else {}
    ways = versions | {"Compare the last hour with a week ago": {"against": "7d", "since": "1h"}}
    links = (
        f'<a href="{escape(context.link("/diff", **parameters))}">{title}</a>'
        for title, parameters in ways.items()
    )
    return f'<p class="links">{" ".join(links)}</p>'
