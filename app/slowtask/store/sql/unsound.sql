-- The files that hold lines which aren't runs for certain, and how many.
SELECT filename, count(*) AS count
FROM lines($lines)
WHERE NOT sound
GROUP BY filename
