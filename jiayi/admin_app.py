"""Django's admin with the site of jiayi/admin.py; named in INSTALLED_APPS in the place of django.contrib.admin."""

from django.contrib.admin.apps import AdminConfig


class JiayiAdminConfig(AdminConfig):
    """The admin, whose `admin.site` is an AdminSite of ours, also for what the libraries register."""

    default_site = "jiayi.admin.AdminSite"
