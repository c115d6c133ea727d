-- The files with lines that may not be runs, and how many such lines each has.
SELECT filename, count(*) AS count
FROM runs
WHERE NOT sound
GROUP BY filename
