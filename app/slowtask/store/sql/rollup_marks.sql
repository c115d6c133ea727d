-- Which logs are in each file of `slowtask rollup`, as slowtask.store.rollup.marks writes it.
SELECT file_name AS file, decode(value) AS marks
FROM parquet_kv_metadata($files)
WHERE decode(key) = 'slowtask.rollup'
