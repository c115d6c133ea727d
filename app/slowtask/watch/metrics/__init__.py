"""Metrics for Prometheus.

`health` keeps the last poll, `collector` and `verdict` make metrics of it. `counts` counts the runs that end,
in the `histogram`s and under the `labels` of their queue and task; `runs` makes metrics of that. `server`
serves all of them, as text or as `protobuf`.
"""
