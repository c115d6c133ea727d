"""PARSE: lines of any format that slowtask knows become events; the twin of Logstash's filter.

`sources` finds the logs. `reader` tells by its first bytes what a line is, and hands it to the module of its
format: `ndjson` for slowtask's own, `text`, `celery`, or `rq`, whose runs `jobs` puts together from several
lines. `items` says what a line can turn out to be. `events` gives the runs of one source, one by one;
`scan` reads many sources in several processes and writes what a ranking needs as CSV; `strays` reads only
those lines of a log of ours that aren't ours.
"""
