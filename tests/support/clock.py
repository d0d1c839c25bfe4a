"""The clock of tests: it stands still until a test moves it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine

NOON = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)  # 12:00 in Toronto, a Monday


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Iterator[time_machine.Traveller]:
    """Time stands still at noon, or at what the test is marked with: `pytest.mark.begins(EVENING)`."""
    marked = request.node.get_closest_marker("begins")
    with time_machine.travel(marked.args[0] if marked else NOON, tick=False) as traveller:
        yield traveller
