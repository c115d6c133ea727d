-- How many runs of the chosen task failed by each exception that is known.
SELECT error, sum(n)::BIGINT AS count
FROM (SELECT unnest(errors) AS error, unnest(error_counts) AS n FROM task_cells)
WHERE error IS NOT NULL
GROUP BY error
