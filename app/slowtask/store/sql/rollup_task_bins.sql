-- How many run times, and how many waits, of each task are in each bin.
SELECT task, is_wait, bin, sum(n)::BIGINT AS count
FROM (
    SELECT task, false AS is_wait, unnest(time_bins) AS bin, unnest(time_counts) AS n FROM tasks_cells
    UNION ALL
    SELECT task, true, unnest(wait_bins), unnest(wait_counts) FROM tasks_cells
)
GROUP BY task, is_wait, bin
