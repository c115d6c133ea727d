-- What the monitor saw, by the history and by the logs.
CREATE OR REPLACE TEMP TABLE sampled AS
SELECT kind, start, queue, broker, depth, capacity FROM history_rows
UNION ALL BY NAME
SELECT kind, start, queue, broker, depth, capacity FROM samples
