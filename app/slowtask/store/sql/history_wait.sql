-- The 95th percentile of all waits, within 2 %.
SELECT min(wait) FILTER (upto >= 0.95 * known) AS wait
FROM (
    SELECT wait, sum(n) OVER (ORDER BY wait_slot) AS upto, sum(n) OVER () AS known
    FROM noted
    WHERE kind = 'all' AND wait_slot IS NOT NULL
)
