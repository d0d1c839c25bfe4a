"""Everything but the live stream, for hosts that only run WSGI; the page then asks by `?after=` instead."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jiayi.settings")

application = get_wsgi_application()
