-- The values of a bucket differ by at most 2 %, those of a bin by 0.5 % (store/comparison.py); zero has its own.
CREATE OR REPLACE TEMP MACRO bucket(value) AS
    CASE WHEN value > 0 THEN floor(ln(value) / ln(1.02))::SMALLINT WHEN value = 0 THEN -1 END;

CREATE OR REPLACE TEMP MACRO bin(value) AS
    CASE WHEN value > 0 THEN floor(ln(value) / ln(1.005))::SMALLINT WHEN value = 0 THEN -1 END;

-- The value at *place* (from 0) of the n in a bucket: exact at both ends, between them within 1 % of all.
CREATE OR REPLACE TEMP MACRO inside(low, high, n, place) AS
    CASE
        WHEN place = 0 THEN low
        WHEN place = n - 1 THEN high
        ELSE greatest(high / 1.01, least(low * 1.01, low + (high - low) * place / (n - 1)))
    END;

-- Over the buckets of a task: the value at the whole number *rank*, from 0.
CREATE OR REPLACE TEMP MACRO at_rank(low, high, n, before, rank) AS
    max(inside(low, high, n, rank - before)) FILTER (before <= rank AND rank < before + n);

-- Over the buckets of a task: the value at *rank*, between its two neighbours in proportion.
CREATE OR REPLACE TEMP MACRO between_ranks(low, high, n, before, rank) AS
    at_rank(low, high, n, before, floor(rank)) * (1 - max(rank - floor(rank)))
    + at_rank(low, high, n, before, ceil(rank)) * max(rank - floor(rank));
