-- The figures of each task and side, as exact.sql makes them of runs. Percentiles are within 0.5 % of the exact
-- ones. `busy` has the seats of all tasks together, so one row holds them: seats.sql takes all rows as one.
CREATE OR REPLACE TEMP TABLE measured AS
WITH

averaged AS (
    SELECT *, sum(total) OVER task_side / nullif(sum(timed) OVER task_side, 0) AS mean
    FROM cells
    WINDOW task_side AS (PARTITION BY task, side)
),

plain AS (
    SELECT
        task, side,
        sum(runs)::BIGINT AS count,
        sum(failures)::BIGINT AS failures,
        sum(killed)::BIGINT AS killed,
        sum(timed)::BIGINT AS timed,
        sum(total) AS total,
        max(max) AS max,
        sqrt(
            sum(spread + CASE WHEN timed > 0 THEN timed * (total / timed - mean) ** 2 ELSE 0 END)
            / nullif(sum(timed), 0)
        ) AS deviation,
        sum(cpu) AS cpu, sum(cpu_time) AS cpu_time, max(memory) AS memory,
        coalesce(max(margin), 0) AS margin,
        epoch_us(min(first)) AS first, epoch_us(max(last)) AS last
    FROM averaged
    GROUP BY task, side
),

entries AS (
    SELECT task, side, false AS is_wait, unnest(time_bins) AS slot, unnest(time_counts) AS n FROM cells
    UNION ALL
    SELECT task, side, true, unnest(wait_bins), unnest(wait_counts) FROM cells
),

binned AS (
    SELECT task, side, is_wait, middle(slot) AS time, sum(n)::BIGINT AS n
    FROM entries
    GROUP BY task, side, is_wait, slot
),

placed AS (
    SELECT
        *,
        sum(n) OVER (PARTITION BY task, side, is_wait ORDER BY time) - n AS before,
        sum(n) OVER (PARTITION BY task, side, is_wait) - 1 AS top
    FROM binned
),

percentiles AS (
    SELECT
        task, side, is_wait,
        between_ranks(time, time, n, before, 0.5 * top) AS p50,
        between_ranks(time, time, n, before, 0.95 * top) AS p95,
        between_ranks(time, time, n, before, 0.99 * top) AS p99
    FROM placed
    WHERE has_rank(n, before, 0.5 * top) OR has_rank(n, before, 0.95 * top) OR has_rank(n, before, 0.99 * top)
    GROUP BY task, side, is_wait
)

SELECT
    plain.*,
    CASE WHEN d.p50 IS NOT NULL THEN [least(d.p50, max), least(d.p95, max), least(d.p99, max)] END AS percentiles,
    w.p95 AS wait_p95,
    CASE WHEN row_number() OVER () = 1 THEN (SELECT list(DISTINCT seat) FROM busy) END AS seats,
    NULL::SMALLINT[] AS bins,
    true AS sound
FROM plain
LEFT JOIN percentiles AS d
    ON d.task = plain.task AND d.side IS NOT DISTINCT FROM plain.side AND NOT d.is_wait
LEFT JOIN percentiles AS w
    ON w.task = plain.task AND w.side IS NOT DISTINCT FROM plain.side AND w.is_wait
