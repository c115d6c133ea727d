-- The columns of `slowtask rollup` that files lack, or have with another type.
SELECT known.name
FROM (
    VALUES
    ('kind', 'VARCHAR'), ('start', 'TIMESTAMP WITH TIME ZONE'), ('task', 'VARCHAR'), ('queue', 'VARCHAR'),
    ('version', 'VARCHAR'), ('broker', 'VARCHAR'), ('runs', 'BIGINT'), ('failures', 'BIGINT'), ('killed', 'BIGINT'),
    ('timed', 'BIGINT'), ('total', 'DOUBLE'), ('spread', 'DOUBLE'), ('max', 'BIGINT'), ('cpu', 'DOUBLE'),
    ('cpu_time', 'DOUBLE'), ('memory', 'BIGINT'), ('margin', 'BIGINT'), ('first', 'TIMESTAMP WITH TIME ZONE'),
    ('last', 'TIMESTAMP WITH TIME ZONE'), ('time_bins', 'SMALLINT[]'), ('time_counts', 'BIGINT[]'),
    ('wait_bins', 'SMALLINT[]'), ('wait_counts', 'BIGINT[]'), ('errors', 'VARCHAR[]'), ('error_counts', 'BIGINT[]'),
    ('seats', 'BIGINT[]'), ('depth', 'BIGINT'), ('capacity', 'DOUBLE')
) AS known (name, type)
ANTI JOIN (DESCRIBE FROM read_parquet($files, hive_partitioning = false)) AS found
    ON found.column_name = known.name AND found.column_type = known.type
