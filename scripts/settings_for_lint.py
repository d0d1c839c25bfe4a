"""The product's settings for `make lint`, which asks about the code: not about a database, which need not be there."""

from jiayi.settings import *  # noqa: F403

SILENCED_SYSTEM_CHECKS = ["jiayi.E006"]
