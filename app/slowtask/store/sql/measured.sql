-- The figures that exact.sql or sketch.sql made.
SELECT * EXCLUDE (seats, bins) FROM measured
