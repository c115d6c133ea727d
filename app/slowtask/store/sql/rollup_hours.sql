-- The cells of hours in a file of rollup_write.sql, for an Elasticsearch.
SELECT
    epoch_ms(start) AS start, task, queue, version, epoch_us(first) AS first, epoch_us(last) AS last,
    runs, failures, killed, timed, total, spread, max, cpu, cpu_time, memory, margin,
    time_bins, time_counts, wait_bins, wait_counts, errors, error_counts
FROM read_parquet($file, hive_partitioning = false)
WHERE kind = 'hour'
