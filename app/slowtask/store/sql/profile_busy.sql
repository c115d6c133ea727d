-- How long each task kept the workers busy, of each set of queues that a worker serves, by the slots in which its
-- runs began and ended. A row without slots holds the runs that nobody waited behind.
CREATE OR REPLACE TEMP TABLE busy AS
WITH

sets AS (SELECT worker, list_sort(list(queue)) AS queues FROM crews GROUP BY worker),

spans AS (
    SELECT
        task, duration,
        coalesce(worker, 'of ' || coalesce(queue, '')) AS worker,
        epoch_us(ended) - $begin AS stop,
        greatest(0, stop - duration // 1000) AS start
    FROM runs
    WHERE duration IS NOT NULL
),

cut AS (
    SELECT task, duration, queues, start, least(stop, $end - $begin) AS stop, stop > start AND queues IS NOT NULL AS inside
    FROM spans LEFT JOIN sets USING (worker)
)

SELECT
    task,
    queues,
    CASE WHEN inside THEN start >> $bits END AS first_slot,
    CASE WHEN inside THEN stop >> $bits END AS last_slot,
    count(*) AS n,
    sum(start) AS begins,
    sum(stop) AS ends,
    sum(duration) AS total
FROM cut
GROUP BY ALL
