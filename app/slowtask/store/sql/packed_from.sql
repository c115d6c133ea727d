-- The log that each packed file was made from, as slowtask.store.origin.file_identity() identifies it.
SELECT decode(value) AS identity
FROM parquet_kv_metadata($packed)
WHERE decode(key) = 'slowtask.source'
