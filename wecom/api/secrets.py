"""The names of request parameters and JSON fields of WeCom whose values no log may hold (jiayi/redact.py)."""

SECRET_PARAMETERS = ("key", "access_token", "corpsecret", "media_id", "msg_signature", "echostr")
