"""Texts of the errors in the forms of an account."""

from typing import Any

from django.utils.translation import gettext_lazy as _

MAX_EMAIL = 254  # characters (RFC 5321), as the columns hold
EMAIL_WORDS: dict[str, Any] = {
    "required": _("请填写邮箱。"),
    "invalid": _("邮箱好像不完整，例如 name@qq.com。"),
    "max_length": _("邮箱太长了，请核对。"),
    "null_characters_not_allowed": _("邮箱里有不能用的字符，请重新输入。"),
}
EMAIL_TAKEN = _("该邮箱已注册，请直接登录。")
NAME_WORDS: dict[str, Any] = {
    "required": _("请填写姓名。"),
    "max_length": _("姓名最长 %(limit_value)d 个字，现在是 %(show_value)d 个字。"),
    "null_characters_not_allowed": _("姓名里有不能用的字符，请重新输入。"),
}
PASSWORD_WORDS: dict[str, Any] = {
    "required": _("请填写密码。"),
    "max_length": _("密码最长 %(limit_value)d 个字符，现在是 %(show_value)d 个。"),
    "null_characters_not_allowed": _("密码里有不能用的字符，请换一个。"),
}
PASSWORD_HELP = _("至少 10 个字符，不要只用常见的词。")
CODE_WORDS: dict[str, Any] = {
    "required": _("请填写验证码。"),
    "null_characters_not_allowed": _("验证码不对，请看清后重新输入。"),
}

# allauth's own, by its names for them.
ACCOUNT_REFUSALS: dict[str, Any] = {
    "account_inactive": _("这个账号已停用，无法登录。"),
    "email_password_mismatch": _("邮箱或密码不对。"),
    "enter_current_password": _("当前密码不对。"),
    "incorrect_password": _("密码不对。"),
    "too_many_login_attempts": _("登录失败的次数太多，请过几分钟再试。"),
    "rate_limited": _("操作太频繁，请过几分钟再试。"),
    "invalid_password_reset": _("这个链接已经用过或者过期了，请再申请一次。"),
    "incorrect_code": _("验证码不对，请看清后重新输入。"),
}
