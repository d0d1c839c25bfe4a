"""URLs of the landing page, of signing up and of one's own account."""

from django.urls import path

from members import profile, views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("register/", views.register, name="register"),
    path("profile/", profile.profile, name="profile"),
    path("profile/reminders-off/<str:token>/", profile.reminders_off, name="reminders-off"),
]
