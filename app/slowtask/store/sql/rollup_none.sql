-- No cells: there are no logs beside the history.
CREATE OR REPLACE TEMP TABLE cells AS
SELECT
    NULL::BOOLEAN AS side, start, task, queue, version, runs, failures, killed, timed, total, spread, max, cpu,
    cpu_time, memory, margin, first, last, time_bins, time_counts, wait_bins,
    wait_counts, errors, error_counts
FROM rolled($months)
LIMIT 0
