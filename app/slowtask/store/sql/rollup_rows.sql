-- All that is kept of one log, as rows of a file: hours only. `seat` of seats.sql without its hour.
CREATE OR REPLACE TEMP TABLE kept AS
SELECT 'hour' AS kind, * EXCLUDE (side) FROM cells WHERE start IS NOT NULL
UNION ALL BY NAME
SELECT 'workers' AS kind, start, queue, version, list(DISTINCT seat & 17592186044415) AS seats
FROM binned
WHERE kind = 'seat' AND seat IS NOT NULL AND start IS NOT NULL
GROUP BY start, queue, version
UNION ALL BY NAME
SELECT * FROM samples
