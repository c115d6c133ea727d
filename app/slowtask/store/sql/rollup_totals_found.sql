-- What rollup_totals_logs.sql found.
SELECT task, sound, count, total, first, last
FROM totals
