-- Read all entries once into a table of counts: by time slot for the leading tasks, the queues and the
-- brokers; by exception; and in total. Times are counted in buckets 2 % wide, so a year is as small as a day.
CREATE OR REPLACE TEMP TABLE noted AS
WITH

entries AS (
    SELECT
        wait, depth, capacity, broker, queue,
        epoch_us(ended) // $width AS slot,
        CASE WHEN sound THEN duration END AS duration,
        CASE WHEN sound THEN coalesce(list_position($tasks, task), 0) END AS place,  -- 0: any other task
        CASE WHEN outcome = 'failure' THEN task END AS failing,
        CASE WHEN outcome = 'failure' THEN error END AS error,
        bucket(duration) AS duration_slot,
        bucket(wait) AS wait_slot
    FROM runs
)

SELECT
    CASE
        WHEN grouping(duration_slot) = 0 THEN 'task'
        WHEN grouping(queue) = 0 THEN 'queue'
        WHEN grouping(broker) = 0 THEN 'broker'
        WHEN grouping(error) = 0 THEN 'error'
        ELSE 'all'
    END AS kind,
    slot, place, queue, broker, error, failing, duration_slot, wait_slot,
    count(*) AS n,
    sum(duration)::DOUBLE AS total,
    avg(wait) AS wait,
    max(depth) AS depth,
    max(capacity) AS capacity
FROM entries
GROUP BY GROUPING SETS (
    (slot, place, duration_slot), (slot, queue, wait_slot), (slot, broker), (error, failing), (wait_slot)
)
