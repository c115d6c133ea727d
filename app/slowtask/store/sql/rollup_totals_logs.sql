-- The run time of each task in the logs, and when its first and last run ended.
CREATE OR REPLACE TEMP TABLE totals AS
SELECT
    task, sound, count(*) AS count, sum(duration)::DOUBLE AS total, epoch_us(min(ended)) AS first,
    epoch_us(max(ended)) AS last
FROM runs
GROUP BY task, sound
