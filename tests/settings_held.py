"""The settings of a test run (HELD_SETTINGS), with pages more that last as long as a test wants."""

import importlib
import os

globals().update(vars(importlib.import_module(os.environ["HELD_SETTINGS"])))
ROOT_URLCONF = "tests.support.held"
