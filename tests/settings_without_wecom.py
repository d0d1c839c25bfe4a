"""The domain alone: it must work with wecom uninstalled."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _ALL

INSTALLED_APPS = [app for app in _ALL if not app.startswith("wecom")]
