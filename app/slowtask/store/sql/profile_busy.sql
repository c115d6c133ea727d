-- How long each task kept the workers busy, by the queues that these serve, and by the slots in which its runs
-- began and ended. What was before $begin or after $end lasts no time.
CREATE OR REPLACE TEMP TABLE busy AS
WITH

crewed AS (SELECT worker, crew FROM crews),

spans AS (
    SELECT
        task, duration,
        CASE WHEN $unnamed THEN coalesce(worker, 'of ' || coalesce(queue, '')) ELSE worker END AS worker,
        epoch_us(ended) - $begin AS stopped,
        least($end - $begin, greatest(0, stopped - duration // 1000)) AS start,
        least($end - $begin, greatest(0, stopped)) AS stop
    FROM runs
    WHERE duration IS NOT NULL
)

SELECT
    task, crew,
    start >> $bits AS first_slot,
    stop >> $bits AS last_slot,
    count(*) AS n,
    sum(start::DOUBLE) AS begins,
    sum(stop::DOUBLE) AS ends,
    sum(duration::DOUBLE) AS total
FROM spans
LEFT JOIN crewed USING (worker)
GROUP BY ALL
