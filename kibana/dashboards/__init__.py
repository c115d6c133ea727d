"""Compiles the dashboards: `kibana/*.toml`, for people, to `kibana/slowtask.ndjson`, for Kibana.

    views.toml sessions.toml ─────────────────────┐
    slow-tasks.toml queues.toml what-changed.toml ┴→ bundle → slowtask.ndjson, and layout → README.md

`expression` reads a metric, `columns` a bucket, `lens` makes a panel of them, `board` a dashboard of panels.
The same source gives the same bytes: ids are the source's own names, and nothing is hashed.
"""
