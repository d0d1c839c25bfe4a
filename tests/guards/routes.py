"""Every route of the site, taken from the URL resolver, so that a new one is met by every guard by itself."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.urls import URLPattern, URLResolver, get_resolver

_REGEX_HOLE = re.compile(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)")
_HOLE = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(NamedTuple):
    """One route: its pattern as urls.py has it, and the names of the holes in it."""

    pattern: str
    holes: tuple[str, ...]

    def url(self, values: Mapping[str, object]) -> str:
        """The path with these values in its holes. Raises KeyError for a hole without a value."""
        path = _REGEX_HOLE.sub(lambda hole: str(values[hole[1]]), self.pattern)
        path = _HOLE.sub(lambda hole: str(values[hole[1]]), path)
        return path.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "")


def all_routes() -> list[Route]:
    """Every route, the sandbox's and the admin's too, each pattern once."""
    return list(dict.fromkeys(_walk(get_resolver(), "/")))


def _walk(resolver: URLResolver, prefix: str) -> Iterator[Route]:
    for one in resolver.url_patterns:
        pattern = prefix + str(one.pattern)
        if isinstance(one, URLPattern):
            holes = tuple(dict.fromkeys([*_REGEX_HOLE.findall(pattern), *_HOLE.findall(_REGEX_HOLE.sub("", pattern))]))
            yield Route(pattern, holes)
        else:
            yield from _walk(one, pattern)
