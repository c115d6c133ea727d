"""The documentation is true: its commands run and print what it shows, its tables say what the code says."""

import configparser
import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import get_args

import click
import pytest
from conftest import PATIENCE, missing

from environments import DJANGO, DRAMATIQ
from expected import EXPECTED
from places import EXAMPLES, GOLDEN, ROOT
from slowtask import cli
from slowtask.cli.options import FIELDS_VARIABLE, HEAD_VARIABLE
from slowtask.cli.serve import TOKEN_VARIABLE
from slowtask.cli.setup import PASSWORDS
from slowtask.parse.custom import HEAD_FIELDS
from slowtask.parse.fields import read_field_names
from slowtask.parse.grok import read_shipped_patterns
from slowtask.parse.items import SENTENCES
from slowtask.rank import ranking
from slowtask.rank.link import NAMES as LINK_NAMES
from slowtask.rank.link import VARIABLE as TRACE_VARIABLE
from slowtask.record import event
from slowtask.record.guard import Trouble
from slowtask.record.settings import Settings
from slowtask.store.elastic.access import PREFIX
from slowtask.store.elastic.templates import stream_patterns
from slowtask.watch.causes import CAUSES
from slowtask.watch.settings import FIELDS, MonitorSettings

BIN = Path(sys.executable).parent
#: All but the one that is made from the source: it quotes parts of commands, and is held to the source.
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "messages.md"),
]
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
STATUS = re.compile(r"# status (\d+)$")
OPERATORS = {"|", "||", "&&", "&", ";", ">", ">>", "<", "(", ")", "2", "$"}
#: What a pattern file names and no setting is.
PATTERNS = {name for name in read_shipped_patterns() if name.startswith("SLOWTASK_")}
VARIABLES = {f"SLOWTASK_{each.name.upper()}": each for each in fields(Settings)}
#: Settings of the stack, in the files that read them.
STACK = {
    name.removesuffix("_FILE")  # a password may also stand in a file
    for file in (
        ".env.example",
        "docker-compose.yml",
        "filebeat/filebeat.yml",
        "logstash/config/pipelines.yml",
        "logstash/pipeline/beats-tls.conf",
        "logstash/pipeline/filter.conf",
    )
    for name in re.findall(r"SLOWTASK_[A-Z_]*[A-Z]", (ROOT / file).read_text())
}
#: Settings of the commands that ask an Elasticsearch or a Kibana.
SERVERS = {
    *(f"{PREFIX}{name}" for name in ("URL", "USERNAME", "PASSWORD", "API_KEY", "CA_FILE")),
    *PASSWORDS.values(),
    "SLOWTASK_KIBANA_URL",
    "SLOWTASK_RETENTION",
    "SLOWTASK_HISTORY_RETENTION",
    "SLOWTASK_FAILURE_STORE",
}
#: Settings of the commands that read logs.
READERS = {HEAD_VARIABLE, FIELDS_VARIABLE, TRACE_VARIABLE}
SERVE = {TOKEN_VARIABLE, f"{TOKEN_VARIABLE}_FILE"}
#: Settings of the monitor.
WATCHER = {
    "SLOWTASK_REDIS_URL",
    "SLOWTASK_CELERY_URL",
    "SLOWTASK_MANAGEMENT_URL",
    *(f"SLOWTASK_MONITOR_{name.upper()}" for name in ("config", *FIELDS)),
}
#: The modules that say what is wrong with an Elasticsearch.
ERRORS = [f"store/elastic/{name}.py" for name in ("client", "setup", "streams", "unsuitable")]
#: Commands whose figures differ each time.
VARYING = ("slowtask demo", "slowtask collapse")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    line: int
    text: str

    @property
    def place(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(*languages):
    return [
        Block(
            page=page,
            language=found[2],
            line=text.count("\n", 0, found.start()) + 1,
            text=re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE),
        )
        for page in PAGES
        for text in [page.read_text()]
        for found in FENCE.finditer(text)
        if found[2] in languages
    ]


def prose(page):
    """A page without its fenced blocks."""
    return FENCE.sub("", page.read_text())


def parametrised(found):
    return pytest.mark.parametrize("block", [pytest.param(each, id=each.place) for each in found])


def only(page, language):
    """The one block of *language* on *page*."""
    [found] = [each for each in blocks(language) if each.page == ROOT / "docs" / page]
    return found.text


def table(page, first):
    """The rows, cell by cell, of the table of *page* whose first column is headed *first*."""
    lines = iter((ROOT / "docs" / page).read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def code(cell):
    """The code spans of a cell."""
    return SPAN.findall(cell)


# Commands


@pytest.fixture
def samples(tmp_path):
    """A folder with the logs that the pages name."""
    lines = (EXAMPLES / "slowtask.ndjson").read_bytes().splitlines(keepends=True)
    for folder in (tmp_path, tmp_path / "logs"):
        folder.mkdir(exist_ok=True)
        (folder / "slowtask.ndjson-20261122").write_bytes(b"".join(lines[:11]))
        (folder / "slowtask.ndjson").write_bytes(b"".join(lines[11:]))
    for name, source in (
        ("worker", EXAMPLES / "worker.log"),
        ("celery", GOLDEN / "celery-5.7.0-worker.log"),
        ("text", GOLDEN / "text-format.log"),
    ):
        log = tmp_path / f"{name}.log"
        shutil.copyfile(source, log)
        os.utime(log, (1795459690, 1795459690))  # 2026-11-23T18:48:10Z: a log's date is its file's
    shutil.copyfile(EXAMPLES / "releases.ndjson", tmp_path / "releases.ndjson")
    (tmp_path / "worker.log.gz").write_bytes(gzip.compress((tmp_path / "worker.log").read_bytes()))
    return tmp_path


def steps(block):
    """The commands of a console block, each with the lines that follow it."""
    _, *parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def ours_in(block):
    return [step for step in steps(block) if "slowtask " in f"{step[0]} "]


@pytest.mark.redis
@parametrised([each for each in blocks("console") if ours_in(each)])
def test_a_command_that_a_page_shows_runs_and_prints_what_the_page_shows(block, samples):
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("SLOWTASK_", "COLUMNS"))
    }
    environment |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    for command, shown in ours_in(block):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=samples,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
        )
        expected = STATUS.search(command)

        assert done.returncode == (int(expected[1]) if expected else 0), done.stdout
        if shown.strip() and not command.startswith(VARYING):
            assert re.fullmatch(wanted(shown), plain(done.stdout)), plain(done.stdout)


def plain(text):
    """Output without what differs each time: how long it took, and the year as long as it is this one."""
    text = re.sub(r"(files?), \d+\.\d s$", r"\1, 0.1 s", text, flags=re.MULTILINE)
    text = re.sub(r"(?<=[A-Z][a-z]{2}) 2026\b", "", text)
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def wanted(shown):
    """What a page shows as an expression: `…` stands for anything, alone on a line for any lines."""
    lines = (
        r"(?s:.*)" if line == "…" else re.escape(line).replace("…", ".*") for line in plain(shown).split("\n")
    )
    return "\n".join(lines)


@parametrised([each for each in blocks("sh", "crontab", "dockerfile") if "slowtask" in each.text])
def test_a_command_that_a_page_only_names_is_one(block):
    for line in block.text.replace("\\\n", "").splitlines():
        for arguments in called(line):
            parse(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_within_a_sentence_is_one(page):
    """Its arguments may be left out there."""
    for span in SPAN.findall(prose(page)):
        for arguments in called(span):
            try:
                parse(arguments)
            except click.MissingParameter:
                assert arguments[1:] == [], span


def called(line):
    """The arguments of each call of slowtask in a line of shell, cron or prose."""
    words = shlex.shlex(line.replace("…", ""), posix=True, punctuation_chars=True)
    words.whitespace_split = True
    commands, command = [], []
    for word in [*split(words), ";"]:
        if word in OPERATORS:
            commands.append(command)
            command = []
        else:
            command.append(word)
    for each in commands:
        places = [
            place for place, word in enumerate(each) if word == "slowtask" or word.endswith("/bin/slowtask")
        ]
        if places and all(
            "=" in word or word in PREFIXES or TIMING.fullmatch(word) for word in each[: places[0]]
        ):
            yield each[places[0] + 1 :]


#: What may stand before a command: cron's times and user, a variable, another program that runs it.
TIMING = re.compile(r"[\d*/,-]+")
PREFIXES = {"shop", "exec", "sudo"}


def split(words):
    """*words*, runs of operators (`&&`, `>`) being one each."""
    for word in words:
        yield ";" if word and not set(word) - set("|&;<>()") else word


def parse(arguments):
    """Raise where the command line would refuse *arguments*."""
    context = cli.slowtask.make_context(
        "slowtask", list(arguments) or ["--help"], resilient_parsing=not arguments
    )
    if arguments and not arguments[0].startswith("-"):
        name, command, rest = cli.slowtask.resolve_command(context, list(arguments))
        command.make_context(name, rest, parent=context)


def test_a_wrong_command_would_be_found():
    assert list(called("0 3 * * * shop cd /x && slowtask pack . --remove > y")) == [["pack", ".", "--remove"]]
    with pytest.raises(click.UsageError):
        parse(["supervise"])
    with pytest.raises(click.NoSuchOption):
        parse(["top", "--nonsense"])


@parametrised(blocks("python"))
def test_python_on_a_page_runs(block, tmp_path):
    python, environment = sys.executable, os.environ
    needed = {"dramatiq": DRAMATIQ, "DJANGO_SETTINGS_MODULE": DJANGO}
    for other in (other for word, other in needed.items() if word in block.text):
        python = other.python if other.made else missing(other.name)
        environment = os.environ | {"PYTHONPATH": f"{ROOT / 'app'}{os.pathsep}{EXAMPLES}"}
    done = subprocess.run(
        [python, "-c", block.text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_make_targets_on_pages_are_in_the_makefile():
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        target
        for page in PAGES
        for text in [
            *SPAN.findall(prose(page)),
            *(each.text for each in blocks("sh", "console") if each.page == page),
        ]
        for target in re.findall(r"^(?:\$ )?make (?:\w+=\S+ )*([a-z]\w*)", text, re.MULTILINE)
    }

    assert named
    assert named <= targets


# Links


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    dead = [
        target
        for target in re.findall(r"\]\(([^)\s]+)\)", prose(page))
        if not target.startswith("https://") and not leads(page, *target.partition("#")[::2])
    ]

    assert dead == []


def leads(page, path, anchor):
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_leads_to_every_page():
    text = (ROOT / "README.md").read_text()

    assert [
        page.name for page in PAGES if page.parent.name == "docs" and f"](docs/{page.name})" not in text
    ] == []


# Tables


def test_the_table_of_settings_is_complete_and_has_the_defaults():
    rows = {code(row[0])[0]: row for row in table("settings.md", "Variable")}

    assert list(rows) == list(VARIABLES)
    for variable, setting in VARIABLES.items():
        assert code(rows[variable][1]) == [setting.name]
        assert code(rows[variable][2]) == ([] if setting.default is None else [shown(setting.default)])


def shown(default):
    return {True: "on", False: "off"}[default] if isinstance(default, bool) else str(default)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_setting_that_is_none(page):
    named = set(re.findall(r"(?<![A-Z_])SLOWTASK_[A-Z_]*[A-Z]", page.read_text()))
    files = {f"{name}_FILE" for name in SERVERS}

    assert named <= {*VARIABLES, *PATTERNS, *STACK, *SERVERS, *READERS, *SERVE, *WATCHER, *files}


def test_the_table_of_the_monitor_s_settings_is_complete_and_has_the_defaults():
    rows = [row for row in table("monitor.md", "Setting") if code(row[0])]

    assert sorted(name for row in rows for name in code(row[0])) == sorted(FIELDS)
    for row in rows:
        for default in code(row[1]):
            assert str(getattr(MonitorSettings(), code(row[0])[0])).removesuffix(".0") == default


def test_the_alerts_of_the_page_are_the_causes_in_their_order():
    names = ["broker-unseen", *(cause.name for cause in CAUSES if cause.name != "queue-draining")]

    assert [name for row in table("monitor.md", "Alert") for name in code(row[0])] == names


def test_the_table_of_the_servers_settings_is_complete():
    assert {code(row[0])[0] for row in table("settings.md", "Name")} == SERVERS


def test_the_table_of_the_settings_for_reading_is_complete():
    assert {code(row[0])[0] for row in table("settings.md", "To read")} == READERS


def test_the_fields_of_a_head_and_the_kinds_of_json_fields_are_all_told():
    assert {name for row in table("logs.md", "Field") for name in code(row[0])} == set(HEAD_FIELDS)
    assert {name for row in table("logs.md", "Kind") for name in code(row[0])} == set(read_field_names())


def test_the_patterns_that_are_told_are_there():
    named = {name for row in table("logs.md", "Pattern") for name in code(row[0])}

    assert named <= set(read_shipped_patterns())


def test_the_users_that_setup_makes_are_told_with_their_variables():
    rows = table("elasticsearch.md", "Variable")

    assert {code(row[1])[0]: code(row[0])[0] for row in rows} == PASSWORDS


def test_what_goes_wrong_with_elasticsearch_is_told_in_the_words_of_its_errors():
    source = "".join((ROOT / "app/slowtask" / name).read_text() for name in ERRORS)
    words = re.sub(r'"\n *f?"', "", source)
    cells = [row[0] for row in table("elasticsearch.md", "The line says")]

    assert [part for cell in cells for part in re.split(r" ?…,? ?", cell) if part not in words] == []


def test_the_data_streams_are_those_of_the_templates():
    rows = table("elasticsearch-storage.md", "Stream")

    assert {code(row[0])[0].replace("<namespace>", "*") for row in rows} == set(stream_patterns())


def test_the_table_of_fields_is_that_of_the_event():
    rows = table("event.md", "Field")

    assert [(code(row[0])[0], row[1]) for row in rows] == list(event.types().items())


def test_the_table_of_outcomes_has_every_action_and_no_other():
    rows = table("outcomes.md", "The attempt …")

    assert {action for row in rows for action in code(row[1])} == set(get_args(event.Action))


def test_the_table_of_celerys_outcomes_has_every_action_of_the_matrix():
    rows = table("celery-outcomes.md", "The attempt …")

    assert {action for row in rows for action in code(row[1])} == {
        action for actions in EXPECTED.values() for action in actions
    }


def test_every_kind_of_trouble_is_told():
    assert [code(row[0])[0] for row in table("settings.md", "Kind")] == [kind.name for kind in Trouble]


def test_the_orders_and_keys_of_the_ranking_are_all_told():
    assert [code(row[0])[0] for row in table("top.md", "`--by`")] == list(ranking.ORDERS)
    assert [code(row[0])[0] for row in table("top.md", "Key")] == [each.name for each in fields(ranking.Task)]


def test_every_value_of_a_link_is_told():
    assert [code(row[0])[0] for row in table("task.md", "Value")] == [f"{{{name}}}" for name in LINK_NAMES]


def test_every_reason_why_a_line_cannot_be_read_is_told():
    assert [row[0] for row in table("logs.md", "Reason")] == list(SENTENCES.values())


def test_the_readme_names_every_command():
    rows = re.findall(r"^\| `slowtask (\w+)", (ROOT / "README.md").read_text(), re.MULTILINE)

    assert rows == list(cli.COMMANDS)


# Recipes


def test_logrotate_takes_the_recipe(tmp_path):
    program = shutil.which("logrotate") or shutil.which("/usr/sbin/logrotate") or missing("logrotate")
    (tmp_path / "slowtask").write_text(only("recipes.md", "logrotate"))
    (tmp_path / "slowtask").chmod(0o644)
    done = subprocess.run(
        [program, "--debug", "--state", tmp_path / "state", tmp_path / "slowtask"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "error:" not in done.stderr
    assert "considering log /var/log/shop/slowtask.ndjson" in done.stderr


def test_the_recipe_for_logrotate_renames_and_never_copies():
    words = only("recipes.md", "logrotate").split()

    assert not {"copytruncate", "copy"} & set(words)
    assert "delaycompress" in words


def test_the_unit_of_the_worker_has_the_settings_that_rq_reads():
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str
    unit.read_string(only("recipes.md", "systemd"))

    assert unit["Service"]["ExecStart"].endswith("/bin/rq worker default")
    assert unit["Service"]["KillMode"] == "mixed"
    assert "RQ_WORKER_CLASS=slowtask.rq.TimedWorker" in only("recipes.md", "systemd")


def test_systemd_takes_the_unit_of_the_worker(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze isn't installed; the unit was read by configparser")
    unit = tmp_path / "rq-worker@1.service"
    here = only("recipes.md", "systemd").replace("/srv/shop/.venv/bin/rq", shutil.which("true"))
    unit.write_text(here.replace("WorkingDirectory=/srv/shop", f"WorkingDirectory={tmp_path}"))
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, check=False)

    assert (done.returncode, str(unit.name) in done.stderr) == (0, False), done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_slowtask(shell):
    assert f"_SLOWTASK_COMPLETE={shell}_source slowtask" in (ROOT / "docs" / "recipes.md").read_text()

    environment = os.environ | {
        "_SLOWTASK_COMPLETE": f"{shell}_source",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(["slowtask"], env=environment, capture_output=True, text=True, check=True)

    assert f"{shell}_complete" in done.stdout
