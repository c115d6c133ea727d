-- Add the cells of the history to those that were made of the logs.
INSERT INTO cells BY NAME
SELECT
    side, start, task, queue, version, runs, failures, killed, timed, total, spread, max, cpu, cpu_time, memory,
    margin, first, last, time_bins, time_counts, wait_bins, wait_counts, errors, error_counts
FROM history_rows
