-- Choose the task of which the next statements ask.
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT $task AS task;
