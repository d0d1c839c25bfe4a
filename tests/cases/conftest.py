"""Each picture is decoded once in these tests: that takes a process of its own and a tenth of a second."""

import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from cases.files import images

Answer = tuple[dict[str, Any], bytes]
_known: dict[tuple[bytes, str], Answer] = {}
_decode = images._decode


def decode_once(picture: int, pillow_format: str) -> Answer:
    """What the decoder said of the same bytes before; of others, it is asked."""
    content = os.pread(picture, os.fstat(picture).st_size, 0)
    if (content, pillow_format) not in _known:
        _known[content, pillow_format] = _decode(picture, pillow_format)
    said, thumbnail = _known[content, pillow_format]
    return {**said}, thumbnail


@pytest.fixture(autouse=True)
def _each_picture_once(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.module.__name__.endswith("test_decoder"):  # has decoders of its own
        yield
        return
    with patch.object(images, "_decode", decode_once):
        yield
