"""Elasticsearch: how it is reached (`access`, `client`) and put in order (`setup`).

What `slowtask top` asks of it is in `slowtask.store.elastic`.
"""
