-- How many run times, and how many waits, of the chosen task are in each bin.
SELECT is_wait, bin, sum(n)::BIGINT AS count
FROM (
    SELECT false AS is_wait, unnest(time_bins) AS bin, unnest(time_counts) AS n FROM task_cells
    UNION ALL
    SELECT true, unnest(wait_bins), unnest(wait_counts) FROM task_cells
)
GROUP BY is_wait, bin
