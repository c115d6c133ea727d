-- The same as times_exact.sql, of what count.sql counted.
CREATE OR REPLACE TEMP TABLE times AS
SELECT side, task, list(slot) AS slots, list(n) AS counts
FROM counted
WHERE by_duration AND slot IS NOT NULL AND sound
GROUP BY side, task
