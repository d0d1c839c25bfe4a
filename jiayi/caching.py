"""The cache, in which rate limits are counted: in Redis where there is one, else in a table of the database."""

from typing import Any


def cache(redis_url: str) -> dict[str, Any]:
    """Return the entry of CACHES; `redis_url` may be empty."""
    if redis_url:
        return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": redis_url}
    return {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "jiayi_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},  # with the default of 300 a busy day would forget rate limits
    }
