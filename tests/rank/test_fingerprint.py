"""Messages of one mistake have one fingerprint; messages of two have two."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slowtask.rank.fingerprint import MAX_LENGTH, fingerprint, group_messages
from slowtask.store.profile import Message


def message(text, count=1, error="ValueError", first=0, last=0):
    return Message(error=error, message=text, count=count, first=first, last=last)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            "HTTPSConnectionPool(host='a.example.org', port=443): Read timed out. (read timeout=30)",
            "HTTPSConnectionPool(host='b.example.org', port=8443): Read timed out. (read timeout=5.5)",
        ),
        (
            "('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))",
            "('Connection aborted.', ConnectionResetError(54, 'Connection reset by peer'))",
        ),
        (
            "Job exceeded maximum timeout value (180 seconds)",
            "Job exceeded maximum timeout value (5 seconds)",
        ),
        (
            'duplicate key value violates unique constraint "users_pkey"\nDETAIL: Key (id)=(17) exists.',
            'duplicate key value violates unique constraint "users_pkey"\nDETAIL: Key (id)=(9) exists.',
        ),
        (
            'unique constraint "users_email_key" DETAIL: Key (email)=(a.b@example.org) already exists.',
            'unique constraint "users_email_key" DETAIL: Key (email)=(c@example.com) already exists.',
        ),
        ("Error 111 connecting to 10.0.0.7:6379.", "Error 113 connecting to 192.168.1.20:6380."),
        ("cannot connect to fe80::1:2 now", "cannot connect to 2001:db8:0:0:1::7 now"),
        ("<Order object at 0x7f8a1c003d90> is closed", "<Order object at 0x7f8a1c0f3e20> is closed"),
        (
            "order 7d1c3b9e-22a1-4f0e-9c1a-6a5b2c3d4e5f is gone",
            "order 00000000-1111-4222-8333-444444444444 is gone",
        ),
        ("document 507f1f77bcf86cd799439011 is gone", "document 65a1b2c3d4e5f60718293a4b is gone"),
        ("No such customer: cus_NffrFeUfNV2Hib", "No such customer: cus_Lk93hfGHs71kQq"),
        ("[Errno 2] No such file: '/var/spool/a/17.csv'", "[Errno 2] No such file: '/tmp/b.csv'"),
        ("can't open /var/spool/a/17.csv for user 3", "can't open /srv/x/y/z for user 4"),
        ("GET https://a.example/b?c=1 returned 503", "GET http://other.example:80/ returned 500"),
        ("mail to ann@example.org bounced", "mail to bob.b@mail.example.com bounced"),
        ("invalid literal for int() with base 10: 'abc'", "invalid literal for int() with base 10: '12x'"),
        ("report of 2026-11-23T18:47:58.145Z is late", "report of 2025-01-02 03:04:05 is late"),
        ("user_17 has 1,204.50 left", "user_9 has -3e-05 left"),
        ("order12345 failed", "order99999 failed"),
    ],
)
def test_what_differs_in_values_is_the_same_mistake(one, other):
    assert fingerprint(one) == fingerprint(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("'NoneType' object has no attribute 'name'", "'NoneType' object has no attribute 'total'"),
        ("No module named 'numpy'", "No module named 'pandas'"),
        ("cannot decode int64", "cannot decode utf8"),
        ("Read timed out.", "Connection refused"),
        (
            'duplicate key value violates unique constraint "users_pkey"',
            'duplicate key value violates unique constraint "orders_pkey"',
        ),
    ],
)
def test_what_says_what_is_wrong_stays(one, other):
    assert (fingerprint(one), fingerprint(other)) == (one, other)


def test_an_apostrophe_begins_no_quotation():
    assert fingerprint("can't find order 17 in user's list") == "can't find order <n> in user's list"


@given(st.text(max_size=2000))
def test_a_fingerprint_is_bounded_and_one_line(text):
    found = fingerprint(text)

    assert len(found) <= MAX_LENGTH
    assert "\n" not in found


@pytest.mark.parametrize("text", ["a", "/", "'", "1.", "a@", "=(", "0:", "aA1-", "a.a", "-", "//", "0x"])
def test_hostile_text_costs_no_time(text):
    start = time.process_time()
    fingerprint(text * 10**6)

    assert time.process_time() - start < 0.2


def test_messages_of_one_mistake_are_counted_together():
    found = group_messages([message("order 1", 2, first=5, last=6), message("order 2", 3, first=1, last=9)])

    [group] = found
    assert (group.fingerprint, group.count, group.first, group.last) == ("order <n>", 5, 1, 9)


def test_the_same_text_of_two_exceptions_is_two_mistakes_the_frequent_first():
    found = group_messages([message("gone", 1, "KeyError"), message("gone", 2, "IndexError")])

    assert [(each.error, each.count) for each in found] == [("IndexError", 2), ("KeyError", 1)]


def test_runs_without_a_message_are_a_group_of_their_exception():
    [group] = group_messages([message(None, 4)])

    assert (group.error, group.fingerprint, group.count) == ("ValueError", None, 4)
