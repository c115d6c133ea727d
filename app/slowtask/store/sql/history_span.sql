-- The first and the last slot that isn't empty.
SELECT min(slot) AS first, max(slot) AS last
FROM noted
WHERE place IS NOT NULL OR depth IS NOT NULL OR capacity IS NOT NULL
