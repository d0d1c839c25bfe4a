"""Configuration of the app; registers the system checks."""

from django.apps import AppConfig


class JiayiConfig(AppConfig):
    name = "jiayi"
    verbose_name = "Jiayi"

    def ready(self) -> None:
        from jiayi import checks  # noqa: F401  registers the system checks
