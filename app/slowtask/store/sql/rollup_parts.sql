-- The cells of $tasks once for each part of them: the number of the task, from 0, and the name of the part are in the
-- place of the side, its value in that of the task. So all parts are measured at once. An unknown value is ''.
CREATE OR REPLACE TEMP TABLE cells AS
SELECT
    * EXCLUDE (part)
    REPLACE (
        coalesce(part.value, '') AS task,
        {'task': list_position($tasks, task) - 1, 'part': part.name} AS side
    )
FROM (
    SELECT
        *,
        unnest([
            {'name': 'task', 'value': task},
            {'name': 'start', 'value': epoch_us(start)::VARCHAR},
            {'name': 'queue', 'value': queue},
            {'name': 'version', 'value': version}
        ]) AS part
    FROM tasks_cells
)
