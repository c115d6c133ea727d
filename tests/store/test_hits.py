"""Documents of Elasticsearch as text."""

from slowtask.store.elastic.hits import describe_line


def test_a_document_that_elasticsearch_refused_and_filebeat_kept_is_told_with_the_answer():
    """Filebeat names no reason and no place."""
    hit = {"_source": {"message": "{}", "error.type": 400, "error.message": "no"}}

    assert describe_line(hit) == "?@?: refused (no)"
