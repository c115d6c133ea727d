-- The tasks of which runs were copied, and how many.
SELECT task, sound, count(*) AS count
FROM profiled
GROUP BY task, sound
