-- The figures of each task and side, of what count.sql counted; percentiles are within 1 % of the exact
-- ones. There are no seats and bins.
CREATE OR REPLACE TEMP TABLE measured AS
WITH

plain AS (
    SELECT
        task, side, sound,
        sum(n)::BIGINT AS count,
        sum(failures)::BIGINT AS failures,
        sum(killed)::BIGINT AS killed,
        sum(timed)::BIGINT AS timed,
        sum(total)::DOUBLE AS total,
        max(high) AS max,
        -- Within the buckets and between them; rounding may leave a little less than nothing.
        CASE WHEN sum(timed) > 0 THEN sqrt(greatest(
            0,
            sum(timed * (variance + (total / timed) ** 2)) FILTER (timed > 0) / sum(timed)
            - (sum(total) / sum(timed)) ** 2
        )) END AS deviation,
        sum(cpu) AS cpu, sum(cpu_time) AS cpu_time, max(memory) AS memory,
        coalesce(max(margin), 0) AS margin,
        epoch_us(min(first)) AS first, epoch_us(max(last)) AS last,
        NULL::BIGINT[] AS seats,
        NULL::SMALLINT[] AS bins
    FROM counted
    WHERE by_duration
    GROUP BY task, side, sound
),

durations AS (
    SELECT
        task, side, sound, low, high, n,
        sum(n) OVER (PARTITION BY task, side, sound ORDER BY slot) - n AS before,
        sum(n) OVER (PARTITION BY task, side, sound) - 1 AS top
    FROM counted
    WHERE by_duration AND slot IS NOT NULL
),

waits AS (
    SELECT
        task, side, sound, wait_low AS low, wait_high AS high, n,
        sum(n) OVER (PARTITION BY task, side, sound ORDER BY wait_slot) - n AS before,
        sum(n) OVER (PARTITION BY task, side, sound) - 1 AS top
    FROM counted
    WHERE NOT by_duration AND wait_slot IS NOT NULL
),

duration_percentiles AS (
    SELECT
        task, side, sound,
        [
            between_ranks(low, high, n, before, 0.5 * top),
            between_ranks(low, high, n, before, 0.95 * top),
            between_ranks(low, high, n, before, 0.99 * top)
        ] AS percentiles
    FROM durations
    GROUP BY task, side, sound
),

wait_percentiles AS (
    SELECT task, side, sound, between_ranks(low, high, n, before, 0.95 * top) AS wait_p95
    FROM waits
    GROUP BY task, side, sound
)

SELECT plain.*, percentiles, wait_p95
FROM plain
LEFT JOIN duration_percentiles AS d
    ON d.task IS NOT DISTINCT FROM plain.task AND d.side IS NOT DISTINCT FROM plain.side AND d.sound = plain.sound
LEFT JOIN wait_percentiles AS w
    ON w.task IS NOT DISTINCT FROM plain.task AND w.side IS NOT DISTINCT FROM plain.side AND w.sound = plain.sound
