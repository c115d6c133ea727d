-- All fields of all runs as Parquet, in the order of the lines: delta encodings (version 2) make times small.
COPY (
    SELECT * REPLACE (kept_id AS "event.id", kept_task_id AS "task.id")
    FROM lines_in_full
    WHERE "event.dataset" = 'slowtask.run'
) TO $target (
    FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, KV_METADATA { 'slowtask.source': $identity }
)
