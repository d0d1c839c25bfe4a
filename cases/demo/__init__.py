"""The cases of the demo: stories, told by the actions that people cause. Only `manage.py seed_demo` imports it."""
