"""RANK: a store's figures become a ranking, and its runs tell who waited behind whom.

`ranking` and `behind` do that. `whatif` tries a change on paper: `crew` finds the workers in the log,
`change` alters jobs and workers, `replay` lets the workers take the jobs again. All is pure: no clock,
no files.
"""
