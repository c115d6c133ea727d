-- What is kept of one log: its months, its first and last entry (µs), and its runs.
SELECT
    list_sort(list(DISTINCT strftime(start, '%Y-%m'))) AS months,
    epoch_us(min(first)) AS first,
    epoch_us(max(last)) AS last,
    coalesce(sum(runs), 0)::BIGINT AS runs
FROM kept
WHERE kind IN ('hour', 'depth', 'capacity')
