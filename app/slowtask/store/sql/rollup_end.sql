-- The id of one run of a packed file, which has the order of the log. The number of its row follows.
SELECT "event.id"::VARCHAR AS id
FROM read_parquet($files, file_row_number = true, hive_partitioning = false)
WHERE file_row_number
