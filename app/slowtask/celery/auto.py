"""Install the hooks when this module is imported, for a Celery configuration that can only name modules.

Workers import it and publishers don't, so its records have no `task.wait`. To have the waits as well, call
`slowtask.celery.install(app)` where the app is made instead. Apart from the demonstration's app, no other
module of slowtask does anything when it is imported.

Example:
    ```python
    CELERY_IMPORTS = ["slowtask.celery.auto"]  # in Django's settings; elsewhere app.conf.imports
    ```
"""

from slowtask.celery import hooks

hooks.connect()
