-- What a file holds of a month before new logs are merged into it.
CREATE OR REPLACE TEMP TABLE former AS
FROM rolled($files)
