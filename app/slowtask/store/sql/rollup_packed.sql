-- How many runs are in a packed file.
SELECT sum(num_rows)::BIGINT AS runs FROM parquet_file_metadata($files)
