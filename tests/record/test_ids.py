"""The id of an attempt is short, and short in Elasticsearch too."""

import re
from base64 import urlsafe_b64decode
from types import SimpleNamespace
from uuid import uuid4

from hypothesis import given
from hypothesis.strategies import binary, text

from slowtask.record.event import ID_BYTES, identity, write_id
from slowtask.rq.facts import event_id


@given(binary(min_size=ID_BYTES, max_size=32))
def test_an_id_begins_with_a_letter_and_is_base64_of_twelve_bytes(chance):
    name = write_id(chance)

    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{15}", name)
    assert urlsafe_b64decode(name)[1:] == chance[1:ID_BYTES]


@given(text())
def test_every_text_has_an_id_that_stays(text):
    assert identity(text) == identity(text) != identity(f"{text}.")


def test_attempts_of_rq_have_ids_of_their_own_which_both_of_its_processes_make():
    job, executions = SimpleNamespace(id="j"), [uuid4().hex for _ in range(1000)]
    ids = {event_id(job, each, pid) for each in executions for pid in (7, 8)}

    assert len(ids) == len(executions)


def test_an_attempt_without_rq_s_id_has_one_of_its_own_too():
    job = SimpleNamespace(id="j")

    assert event_id(job, "", 7) != event_id(job, "", 7)
    assert event_id(job, "odd", 7) == event_id(job, "odd", 8)
