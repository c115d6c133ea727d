-- Merge the hours of new logs, in `fresh`, into those of a month, in `former`: only days that have new runs change.
-- `fresh` has rows of that month alone.
CREATE OR REPLACE TEMP TABLE days AS SELECT DISTINCT date_trunc('day', start) AS day FROM fresh;

CREATE OR REPLACE TEMP TABLE touched AS
SELECT * EXCLUDE (kind), count(*) OVER (PARTITION BY start, task, queue, version) AS parts
FROM (
    FROM former WHERE kind = 'hour' AND date_trunc('day', start) IN (FROM days)
    UNION ALL BY NAME
    FROM fresh WHERE kind = 'hour'
);

CREATE OR REPLACE TEMP TABLE shared AS FROM touched WHERE parts > 1;

CREATE OR REPLACE TEMP TABLE hours AS
FROM merged('hour', 'shared')
UNION ALL BY NAME
SELECT * EXCLUDE (parts) FROM touched WHERE parts = 1;  -- nearly all, where logs follow each other

CREATE OR REPLACE TEMP TABLE all_days AS
FROM merged('day', 'hours')
UNION ALL BY NAME
SELECT * EXCLUDE (kind) FROM former WHERE kind = 'day' AND start NOT IN (FROM days);

CREATE OR REPLACE TEMP TABLE beside AS
FROM former WHERE kind IN ('workers', 'depth', 'capacity')
UNION ALL BY NAME
FROM fresh WHERE kind IN ('workers', 'depth', 'capacity');

CREATE OR REPLACE TEMP TABLE kept AS
SELECT 'month' AS kind, * FROM merged('month', 'all_days')
UNION ALL BY NAME
SELECT 'day' AS kind, * FROM all_days
UNION ALL BY NAME
SELECT 'hour' AS kind, * FROM hours
UNION ALL BY NAME
FROM former WHERE kind = 'hour' AND date_trunc('day', start) NOT IN (FROM days)
UNION ALL BY NAME
SELECT kind, start, queue, version, broker, max(depth) AS depth, max(capacity) AS capacity
FROM beside
WHERE kind <> 'workers'
GROUP BY kind, start, queue, version, broker
UNION ALL BY NAME
SELECT kind, start, queue, version, list(DISTINCT seat) AS seats
FROM (SELECT kind, start, queue, version, unnest(seats) AS seat FROM beside WHERE kind = 'workers')
GROUP BY kind, start, queue, version
