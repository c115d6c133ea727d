-- The tasks of which runs were copied, and how many.
SELECT task, sound, count(*) AS count
FROM copied
GROUP BY task, sound
