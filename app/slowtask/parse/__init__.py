"""PARSE: read log lines of any format that slowtask knows, and turn them into runs.

| Module | Does |
| --- | --- |
| `sources` | finds the logs that a command's arguments name, and opens them |
| `utf16` | recodes logs in UTF-16 |
| `stream` | cuts a log into lines |
| `dates` | finds the date of lines that give only a time of day |
| `order` | feeds a log to the reader, backwards if its latest line comes first |
| `reader` | finds each line's format by its first bytes, and joins tracebacks to their failures |
| `format` | defines what a format is |
| `ndjson`, `text`, `celery`, `rq` | read one format each |
| `jobs` | pairs the lines by which RQ logs a run's start and end |
| `items` | defines what a line can turn out to be |
| `events` | yields the runs of one log |
| `scan` | reads many logs in several processes, and writes the runs as CSV for a ranking |
| `strays` | reads only those lines of a log of slowtask that DuckDB can't |

**To add a format**, write a module with one subclass of `format.Format` and enter the class in
`reader.FORMATS`; nothing else here needs to know of it. The Logstash filter reads the same patterns
(`logstash/patterns/`) and must be taught the format too.
"""
