-- Put the values of an expression, which stands for `field`, in the place of the task; an unknown one is ''.
CREATE OR REPLACE TEMP TABLE cells AS
SELECT * REPLACE (coalesce((field)::VARCHAR, '') AS task) FROM task_cells
