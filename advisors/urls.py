"""URLs of the pages of an advisor."""

from django.urls import path

from advisors import views

urlpatterns = [
    path("register/advisor/", views.register_advisor, name="register-advisor"),
    path("availability/", views.availability, name="availability"),
    path("availability/away/", views.switch_away, name="switch-away"),
]
