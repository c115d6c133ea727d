-- Many spans of time that begin in one slot and end in another, as their number and the sums of their begins
-- and ends: how long they last within *slot*. A slot is 2 ** bits µs wide.
CREATE OR REPLACE TEMP MACRO lasting(first_slot, last_slot, n, begins, ends, slot, bits) AS
    CASE
        WHEN first_slot = last_slot THEN ends - begins
        WHEN slot = first_slot THEN n * ((slot + 1) << bits) - begins
        WHEN slot = last_slot THEN ends - n * (slot << bits)
        ELSE n << bits
    END;
