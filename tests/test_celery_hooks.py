"""What Celery's hooks see and say, and that they never hurt: against a worker in this process where that will do."""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import celery
import pytest
from celery.contrib.testing.worker import start_worker
from celery.events.state import State
from celery.worker.request import Request
from kombu import Connection, Queue

import slowtask
import slowtask.celery
from conftest import wait_until
from slowtask.celery import facts, hooks, news, worker
from slowtask.celery.request import Witnessed, witnessed

HERE = Path(__file__).parent
