-- Write the table `kept` to a file: what few rows hold comes first, so that a year is read from them.
COPY (
    SELECT
        kind, start, task, queue, version, broker, runs, failures, killed, timed, total, spread, max, cpu, cpu_time,
        memory, margin, first, last,
        [entry_bin(x) FOR x IN times] AS time_bins,
        [entry_count(x) FOR x IN times] AS time_counts,
        [entry_bin(x) FOR x IN waits] AS wait_bins,
        [entry_count(x) FOR x IN waits] AS wait_counts,
        errors, error_counts, seats, depth, capacity
    FROM kept
    ORDER BY
        list_position(['month', 'day', 'workers', 'depth', 'capacity', 'hour'], kind),
        task, queue, version, start
) TO $target (
    FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 8192,
    KV_METADATA { 'slowtask.rollup': $marks }
)
