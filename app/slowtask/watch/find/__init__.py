"""WATCH: look for the causes of the table in `causes.py`: one module for each part of the verdict.

Each function takes the `View` of a poll and the `Thresholds`, and yields `Evidence`.
"""
