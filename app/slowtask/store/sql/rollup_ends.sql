-- The ids of the first and of the last run of a packed file, which has the order of the log.
SELECT arg_min(id::VARCHAR, number) AS first, arg_max(id::VARCHAR, number) AS last
FROM (
    SELECT "event.id" AS id, file_row_number AS number
    FROM read_parquet($files, file_row_number = true, hive_partitioning = false)
)
