-- The log that each packed file was made from, as slowtask.store.packing.identity() names it.
SELECT file_name, decode(value) AS identity
FROM parquet_kv_metadata($packed)
WHERE decode(key) = 'slowtask.source'
