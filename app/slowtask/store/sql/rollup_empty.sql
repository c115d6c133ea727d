-- A month that has no file yet.
CREATE OR REPLACE TEMP TABLE former AS
FROM fresh LIMIT 0
