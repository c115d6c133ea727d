"""Metrics for Prometheus.

`health` keeps the last poll, `collector` and `verdict` make metrics of it, `server` serves them.
"""
