"""RANK: order the tasks of a store, and replay its runs. Pure: no clock, no files.

`ranking` orders tasks, `behind` finds what jobs waited behind. `whatif` simulates a change: `crew` finds the
workers of a log, `change` changes jobs and workers, `replay` lets the workers take the jobs again.
"""
