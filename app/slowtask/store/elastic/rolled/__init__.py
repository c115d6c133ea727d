"""Keep what `slowtask rollup` makes of runs in an Elasticsearch, and read it as one with the runs.

`cell` is what is kept, `document` how; `hours` finds out what is there, `writing` and `making` roll up,
`fetching` and `reading` answer queries.
"""
