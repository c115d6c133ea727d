"""`slowtask top --review`: what was looked at is hidden, and the file is never damaged."""

import json
import os
import re
import tomllib

import pytest
from click.testing import CliRunner

from logs import made, written
from slowtask.cli.review import ReviewFile, replace_figures, write_key
from slowtask.cli.top import top
from slowtask.errors import SourceError, UsageError
from slowtask.rank.review import Entry


def run(*arguments):
    """The output of `slowtask top`; its mistakes are raised."""
    return CliRunner().invoke(top, [str(each) for each in arguments], catch_exceptions=False).output


def make_log(folder, mean=6.0, name="runs.ndjson"):
    """A log of two tasks, of which send_mail takes *mean* seconds."""
    runs = [made("jobs.send_mail", mean, number, queue="mail") for number in range(40)]
    return written(folder / name, [*runs, *(made("jobs.thumb", 1, number) for number in range(40))])


@pytest.fixture
def log(tmp_path):
    return make_log(tmp_path)


@pytest.fixture
def file(tmp_path, log):
    """A file in which somebody looked at send_mail."""
    file = tmp_path / "review.toml"
    run(log, "--review", file)
    file.write_text(file.read_text().replace('by = ""', 'by = "team-mail"', 1))
    return file


def rows(output):
    """The names in the table."""
    return re.findall(r"^ ((?:! )?jobs\.\w+|\d+ \w+ tasks?) ", output, re.MULTILINE)


def test_what_is_shown_is_written_down_with_its_figures(log, tmp_path):
    output = run(log, "--review", tmp_path / "new.toml")
    [send_mail, thumb] = tomllib.loads((tmp_path / "new.toml").read_text())["task"].items()

    assert "2 new tasks in " in output
    assert send_mail[0] == "jobs.send_mail"
    assert (thumb[1]["by"], thumb[1]["mean"], thumb[1]["runs"], thumb[1]["spread"]) == ("", 1, 40, "steady")


def test_only_what_is_shown_is_written_down(log, tmp_path):
    run(log, "-n", 1, "--review", tmp_path / "new.toml")

    assert [*tomllib.loads((tmp_path / "new.toml").read_text())["task"]] == ["jobs.send_mail"]


def test_a_task_that_somebody_looked_at_is_one_row_with_its_share(log, file):
    output = run(log, "--review", file)

    assert rows(output) == ["jobs.thumb", "1 reviewed task"]
    assert re.search(r"^ 1 reviewed task .* 86 % ", output, re.MULTILINE)
    assert "1 task was reviewed: " in output


def test_a_task_that_got_worse_is_marked_and_explained(tmp_path, file):
    output = run(make_log(tmp_path, 12.0, "later.ndjson"), "--review", file).replace("\n", " ")

    assert "! jobs.send_mail: the mean was 6.0 s when team-mail looked at it on" in output
    assert " ! jobs.send_mail  █" in output
    assert "reviewed" not in output


def test_the_mark_is_seen_where_the_name_is_cut(tmp_path, file, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    long = f"jobs.{'x' * 60}.end"
    file.write_text(f'[task."{long}"]\nby = "me"\nkilled = 0\n')
    killed = [made(long, 1, action="killed", outcome="failure")]

    assert re.search(
        r"^ ! ….*end ", run(written(tmp_path / "k.ndjson", killed), "--review", file), re.MULTILINE
    )


def test_if_all_was_looked_at_that_is_said(log, file):
    file.write_text(file.read_text().replace('by = ""', 'by = "me"'))

    assert "\nAll tasks were reviewed, and none got worse.\n" in run(log, "--review", file)


def test_another_program_gets_all_tasks_and_who_looked_at_each(tmp_path, file):
    found = json.loads(run(make_log(tmp_path, 12.0, "later.ndjson"), "--review", file, "--json"))

    assert [(each["task"], each["reviewed"], each["note"]) for each in found] == [
        ("jobs.send_mail", "team-mail", None), ("jobs.thumb", None, None),
    ]  # fmt: skip
    assert found[0]["worse"].startswith("the mean was 6.0 s when team-mail looked at it")
    assert found[1]["worse"] is None


def test_csv_has_the_same_keys(log, file):
    keys = run(log, "--review", file, "--csv").splitlines()[0]

    assert keys.endswith(",spread,reviewed,note,worse")


def test_groups_have_tables_of_their_own(log, file):
    before = file.read_text()
    run(log, "--review", file, "--group-by", "queue")

    assert file.read_text().startswith(before)
    assert [*tomllib.loads(file.read_text())["queue.name"]] == ["mail", ""]


def test_what_people_wrote_stays_as_it_is(log, file):
    """New tables are appended; comments and the order of the others are theirs."""
    text = '# ours\n[task."jobs.send_mail"] # since May\nnote = """\nlong\n"""\nby = "me"  # no line end'
    file.write_text(text)
    run(log, "--review", file)

    assert file.read_text().startswith(text)
    assert [*tomllib.loads(file.read_text())["task"]] == ["jobs.send_mail", "jobs.thumb"]


def test_without_a_new_task_the_file_is_not_written(log, file):
    os.utime(file, (1, 1))
    run(log, "--review", file)

    assert file.stat().st_mtime == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[task", "isn't TOML"),
        ('[task.a]\nby = "me"\n[task.a]\nby = ""', "isn't TOML"),
        ('[task.a]\nbuy = "me"', "[task.a] has an unknown key 'buy'; known are by, note, seen"),
        ("[task.shop.mail]\n", "[task.shop] has an unknown key 'mail' (a name with dots needs quotes)"),
        ("[task.a]\nby = 3", "[task.a]: Expected `str`, got `int`"),
        ('[task.a]\nspread = "wild"', "[task.a]: Invalid enum value 'wild'"),
        ('by = "me"', "'by' must be a table"),
        ('task = {"a" = 1}', "task.a must be a table"),
    ],
)
def test_a_file_that_is_wrong_is_one_line_and_stays_as_it_is(log, file, text, words):
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        run(log, "--review", file)

    assert words in str(caught.value)
    assert "Nothing was changed" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert file.read_text() == text


def test_a_place_where_no_file_can_be_is_named_before_the_logs_are_read(tmp_path):
    for place, words in ((tmp_path, "is a folder"), (tmp_path / "none" / "a.toml", "There is no folder")):
        with pytest.raises(UsageError, match=words):
            run(tmp_path / "no.ndjson", "--review", place)


def test_a_text_that_is_not_utf8_stays_as_it_is(log, file):
    file.write_bytes(b'[task.a]\nby = "\xff"')
    with pytest.raises(UsageError, match="isn't a text in UTF-8"):
        run(log, "--review", file)

    assert file.read_bytes() == b'[task.a]\nby = "\xff"'


def test_a_file_that_cannot_be_written_loses_nothing(log, file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(SourceError, match="No space left"):
        run(log, "--review", file, "--group-by", "queue")

    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []


def test_a_link_stays_a_link_and_the_rights_stay(log, file, tmp_path):
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    run(log, "--review", link, "--group-by", "queue")

    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert "queue.name" in file.read_text()


@pytest.mark.parametrize(
    "name", ["a.b", "späte", "", 'x"]\nby = "me"\n[task."y', "\x1b[2J", "\\", "\x7f", "\u202e"]
)
def test_any_name_is_read_again_as_it_was(tmp_path, name):
    """A name can't write a table of its own, nor move a cursor."""
    text = f"[{write_key(('task', name))}]\n"

    assert tomllib.loads(text) == {"task": {name: {}}}
    assert text.strip().isprintable()


def test_a_hostile_name_is_written_down_and_read_again(tmp_path):
    name = 'x"]\nby = "me"'
    log = written(tmp_path / "hostile.ndjson", [made(name, 1)])
    run(log, "--review", tmp_path / "review.toml")

    assert [*ReviewFile(tmp_path / "review.toml").entries(None)] == [name]


def test_an_accepted_task_is_hidden_again_and_only_its_figures_change(tmp_path, file):
    later = make_log(tmp_path, 12.0, "later.ndjson")
    before = file.read_text().replace('note = ""', 'note = "big customer"  # for now', 1)
    file.write_text(before)
    output = run(later, "--review", file, "--accept", "jobs.send_mail")

    assert "has the figures of now for jobs.send_mail." in output
    assert rows(output) == ["jobs.thumb", "1 reviewed task"]
    assert file.read_text() == before.replace("mean = 6\np95 = 6", "mean = 12\np95 = 12")


@pytest.mark.parametrize(
    ("text", "task", "words"),
    [
        ("", "jobs.send_mail", 'has no table [task."jobs.send_mail"]'),
        ("", "jobs.none", "no task of the ranking has this name"),
        (
            '[task]\n"jobs.send_mail" = {by = "me", mean = 3}',
            "jobs.send_mail",
            "by hand. Nothing was changed",
        ),
        ('[task."jobs.send_mail"]\nnote = """\nruns = 3\n"""\n', "jobs.send_mail", "by hand"),
        (
            '[task.a]\nnote = """\n[task."jobs.send_mail"]\n"""\n[task."jobs.send_mail"]',
            "jobs.send_mail",
            "by hand",
        ),
    ],
)
def test_what_cannot_be_accepted_stays_as_it_is(log, file, text, task, words):
    file.write_text(text)
    with pytest.raises(UsageError, match=re.escape(words)):
        run(log, "--review", file, "--accept", task)

    assert file.read_text() == text


def test_figures_are_added_to_a_table_without_them():
    """In the middle of a file, which goes on as it was."""
    text = '[task.a]\n# why\nby = "me"\n\n[task.b]\nmean = 3\n'
    found = replace_figures(text, ("task", "a"), Entry(by="me", mean=2.0))

    assert found == '[task.a]\nmean = 2\n# why\nby = "me"\n\n[task.b]\nmean = 3\n'


def test_accept_needs_a_file(log):
    with pytest.raises(UsageError, match="--accept changes the file of --review"):
        run(log, "--accept", "jobs.send_mail")


@pytest.mark.parametrize("option", ["--watch", "--bad"])
def test_a_live_view_reviews_nothing(log, file, option):
    with pytest.raises(UsageError, match="can't be combined"):
        run(log, "--review", file, option)
