"""The product's settings, with the bare view instead of its pages: same database options, same server, same threads.

BARE_MIDDLEWARE=false takes the product's middleware away, too; all but allauth's, without which it does not start.
"""

from jiayi.env import env_bool
from jiayi.settings import *  # noqa: F403
from jiayi.settings import INSTALLED_APPS as PRODUCT_APPS
from jiayi.settings import MIDDLEWARE as PRODUCT_MIDDLEWARE

INSTALLED_APPS = [*PRODUCT_APPS, "benchmarks.bare"]
ROOT_URLCONF = "benchmarks.bare.urls"
MIDDLEWARE = PRODUCT_MIDDLEWARE
if not env_bool("BARE_MIDDLEWARE", True):
    MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
