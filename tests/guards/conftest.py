import logging
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from tests.guards.stage import Keys, Stage, make_stage, stage_of
from tests.support.recording import Recording, record, undone


@pytest.fixture(scope="session")
def staged(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Recording[Keys]:
    """The world of stage.py, built once."""
    with django_db_blocker.unblock():
        return record(make_stage)


@pytest.fixture(scope="module")
def stage(staged: Recording[Keys], django_db_blocker: DjangoDbBlocker) -> Iterator[Stage]:
    """The world of stage.py, put there once for a module; a test that changes it does so inside `undone()`."""
    logging.disable(logging.ERROR)  # thousands of refusals, and 501 for the live stream
    with django_db_blocker.unblock(), undone():
        made = stage_of(staged.replay())
        yield made
    logging.disable(logging.NOTSET)
