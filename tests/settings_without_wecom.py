"""The domain alone: it must work with wecom uninstalled."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as _ALL
from tests.settings import TEMPLATES

INSTALLED_APPS = [app for app in _ALL if not app.startswith("wecom")]
_options = TEMPLATES[0]["OPTIONS"]
_options["context_processors"] = [one for one in _options["context_processors"] if not one.startswith("wecom")]
