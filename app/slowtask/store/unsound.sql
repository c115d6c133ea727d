-- The files that hold any line which isn't a run for certain.
SELECT DISTINCT filename
FROM lines($lines)
WHERE NOT sound
