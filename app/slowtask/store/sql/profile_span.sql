-- From the arrival of the first job of which the wait is known to the start of the last.
SELECT min(begun - wait // 1000) AS begin, max(begun) AS end
FROM (SELECT wait, coalesce(started, ended - duration // 1000) AS begun FROM copied WHERE wait IS NOT NULL)
