-- What the monitor saw in each slot, by the history alone.
CREATE OR REPLACE TEMP TABLE sampled AS
SELECT kind, start, queue, broker, depth, capacity FROM history_rows
