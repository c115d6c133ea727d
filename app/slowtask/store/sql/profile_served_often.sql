-- The workers that ran the tasks, and the queues that they serve: enough if each ran so many of the runs that any
-- other worker of these queues would have run some, too.
CREATE OR REPLACE TEMP TABLE served AS
SELECT DISTINCT worker, queue
FROM copied
