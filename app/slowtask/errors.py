"""The errors that slowtask raises.

SlowtaskError              a sentence for a person: what is wrong and what to do next
├── UsageError             the call is wrong: an option, a path, a setting
├── SourceError            a log can't be read, or holds nothing to rank
├── BrokerError            a Redis of ours or the user's can't do what it is needed for
├── ElasticsearchError     an Elasticsearch can't be reached, or refuses what is asked of it
└── KibanaError            a Kibana can't be reached, or refuses what it is given

The command line prints the sentence and ends with the class's exit status.
"""


class SlowtaskError(Exception):
    """Something a person can put right; the message says how."""

    status = 1  #: the command's exit status


class UsageError(SlowtaskError):
    """The call is wrong: an option, a path, a setting."""

    status = 2


class SourceError(SlowtaskError):
    """A log can't be read, or holds nothing to rank."""


class BrokerError(SlowtaskError):
    """A Redis can't be started or reached, or refuses what is asked of it."""


class ElasticsearchError(SlowtaskError):
    """An Elasticsearch can't be reached, refuses what is asked of it, or isn't set up for slowtask."""


class KibanaError(SlowtaskError):
    """A Kibana can't be reached, isn't ready, or refuses who asks or what it is given."""
