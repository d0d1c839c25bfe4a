"""URLs of the sandbox: its page, its JSON, and the paths of WeCom's API that it plays."""

from django.urls import path

from wecom.sandbox import api, views

app_name = "sandbox"

urlpatterns = [
    path("", views.page, name="page"),
    path("state/", views.state, name="state"),
    path("api/say/", views.say, name="say"),
    path("api/event/", views.event, name="event"),
    path("image.png", views.image, name="image"),
    # No slash at the end: these are WeCom's own paths.
    path("cgi-bin/webhook/send", api.webhook_send),
    path("cgi-bin/gettoken", api.gettoken),
    path("cgi-bin/agent/get", api.agent_get),
    path("cgi-bin/message/send", api.message_send),
    path("cgi-bin/message/update_template_card", api.update_template_card),
    path("cgi-bin/media/get", api.media_get),
]
