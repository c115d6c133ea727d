-- No cells: there are no logs beside the history.
CREATE OR REPLACE TEMP TABLE cells AS
SELECT
    NULL::BOOLEAN AS side, start, task, queue, version, runs, failures, killed, timed, total, spread, max, cpu,
    cpu_time, memory, margin, first, last, times, waits, errors, error_counts
FROM rolled($months)
LIMIT 0
