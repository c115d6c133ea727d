-- The bins of run times that times_exact.sql or times_sketch.sql made.
FROM times
