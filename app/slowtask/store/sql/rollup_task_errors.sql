-- How many runs of each task failed by each exception that is known.
SELECT task, error, sum(n)::BIGINT AS count
FROM (SELECT task, unnest(errors) AS error, unnest(error_counts) AS n FROM tasks_cells)
WHERE error IS NOT NULL
GROUP BY task, error
