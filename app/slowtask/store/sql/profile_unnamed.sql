-- Whether any of these workers has no name.
SELECT coalesce(bool_or(unnamed), false) AS unnamed
FROM crews
