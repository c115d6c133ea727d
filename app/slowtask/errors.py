"""The errors that slowtask raises.

SlowtaskError              something a person can fix; the message says what is wrong and what to do
├── UsageError             a wrong option, path or setting
├── SourceError            a log can't be read, or has no runs to rank
├── BrokerError            Redis or RabbitMQ can't be started or reached, or refuses a request
├── ElasticsearchError     Elasticsearch can't be reached, or refuses a request
└── KibanaError            Kibana can't be reached, or refuses a request

The command line prints the message, without a traceback, and exits with the class's `status`.
"""


class SlowtaskError(Exception):
    """Something a person can fix; the message says what is wrong and what to do."""

    status = 1  #: the command's exit status


class UsageError(SlowtaskError):
    """A wrong option, path or setting."""

    status = 2


class SourceError(SlowtaskError):
    """A log can't be read, or has no runs to rank."""


class BrokerError(SlowtaskError):
    """Redis or RabbitMQ can't be started or reached, or refuses a request."""


class ElasticsearchError(SlowtaskError):
    """Elasticsearch can't be reached, refuses a request, or isn't set up for slowtask."""


class KibanaError(SlowtaskError):
    """Kibana can't be reached, isn't ready, or refuses the user or a request."""
