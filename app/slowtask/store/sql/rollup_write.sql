-- Write the table `kept` to a file: what few rows hold comes first, so that a year is read from them.
COPY (
    SELECT
        kind, start, task, queue, version, broker, runs, failures, killed, timed, total, spread, max, cpu, cpu_time,
        memory, margin, first, last,
        time_bins, time_counts, wait_bins, wait_counts, errors, error_counts, seats, depth, capacity
    FROM kept
    ORDER BY
        list_position(['month', 'workers', 'depth', 'capacity', 'day', 'hour'], kind),
        task, queue, version, start
) TO $target (
    FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, ROW_GROUP_SIZE 2048,
    KV_METADATA { 'slowtask.rollup': $marks }
)
