-- What the files of new logs hold of one month.
CREATE OR REPLACE TEMP TABLE fresh AS
FROM rolled($files)
WHERE strftime(start, '%Y-%m') = $month
