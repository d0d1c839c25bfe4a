"""The URL of the callback."""

from django.urls import path

from wecom.inbound.callback import wechat_receive

# No trailing slash: WeCom follows no redirect.
urlpatterns = [path("api/wechat/receive", wechat_receive, name="wechat-receive")]
