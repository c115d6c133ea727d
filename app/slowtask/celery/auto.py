"""For `imports` or `include` in a Celery configuration: importing this module installs the hooks.

Beside the demonstration's app it's the one module of slowtask whose import does something. Workers import it,
publishers don't: call `install(app)` where the app is made to have the waits as well.
"""

from slowtask.celery import hooks

hooks.connect()
