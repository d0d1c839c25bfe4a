import gc
import logging
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.guards.stage import Stage, make_stage
from tests.support.recording import undone


@pytest.fixture(scope="module")
def stage(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """The world of stage.py, built once for a module; a test that changes it does so inside `undone()`."""
    logging.disable(logging.ERROR)  # thousands of refusals, and 501 for the live stream
    with django_db_blocker.unblock(), undone():
        made = make_stage()
        gc.freeze()  # thousands of requests: the collector need not look at what is there already each time
        yield made
    gc.unfreeze()
    logging.disable(logging.NOTSET)
