-- The same as times_exact.sql, of what count.sql counted: a bucket is four bins wide, and counts in its middle.
CREATE OR REPLACE TEMP TABLE times AS
SELECT
    side, task,
    list(CASE WHEN slot < 0 THEN slot ELSE floor((slot + 0.5) * ln(1.02) / ln(1.005)) END::SMALLINT) AS slots,
    list(n) AS counts
FROM counted
WHERE by_duration AND slot IS NOT NULL AND sound
GROUP BY side, task
