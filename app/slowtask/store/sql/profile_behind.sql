-- What the task's jobs waited behind: in each slot their wait is put down to the tasks that kept the workers of
-- that queue busy meanwhile, in proportion to their time. A row without a task: no worker was busy.
WITH

waiting AS (
    SELECT
        coalesce(queue, '') AS queue, start >> $bits AS first_slot, stop >> $bits AS last_slot,
        count(*) AS n, sum(start) AS begins, sum(stop) AS ends
    FROM (
        SELECT queue, coalesce(started, ended - duration // 1000) - $begin AS stop, stop - wait // 1000 AS start
        FROM copied NATURAL JOIN chosen
        WHERE wait > 0
    )
    GROUP BY ALL
),

waits AS (
    SELECT queue, slot, sum(lasting(first_slot, last_slot, n, begins, ends, slot, $bits)) AS wait
    FROM (SELECT *, unnest(range(first_slot, last_slot + 1)) AS slot FROM waiting)
    GROUP BY queue, slot
),

holds AS (
    SELECT task, queue, slot, sum(lasting(first_slot, last_slot, n, begins, ends, slot, $bits)) AS held
    FROM (
        SELECT *, unnest(range(first_slot, last_slot + 1)) AS slot
        FROM busy JOIN (SELECT DISTINCT crew, unnest(queues) AS queue FROM crews) USING (crew)
    )
    GROUP BY task, queue, slot
),

whole AS (SELECT queue, slot, sum(held) AS held FROM holds GROUP BY queue, slot HAVING held > 0),

shares AS (
    SELECT holds.task, coalesce(waits.wait * holds.held / whole.held, waits.wait) AS wait
    FROM waits
    LEFT JOIN whole USING (queue, slot)
    LEFT JOIN holds ON whole.queue = holds.queue AND whole.slot = holds.slot
)

SELECT task, sum(wait) / 1e6 AS wait
FROM shares
GROUP BY task
ORDER BY wait DESC, task
