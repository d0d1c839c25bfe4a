"""Django's password validators with our texts, which say what is wrong and what to do instead."""

from django.contrib.auth import password_validation as django_rules
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class LongEnough(django_rules.MinimumLengthValidator):
    def get_error_message(self) -> str:
        least = self.min_length
        return ngettext("密码太短了，至少要 %d 个字符。", "密码太短了，至少要 %d 个字符。", least) % least

    def get_help_text(self) -> str:
        return ngettext("至少 %d 个字符。", "至少 %d 个字符。", self.min_length) % self.min_length


class UnlikeThePerson(django_rules.UserAttributeSimilarityValidator):
    def __init__(self) -> None:
        super().__init__(("name", "email"))

    def get_error_message(self) -> str:
        return _("密码和您的姓名或邮箱太像了，容易被猜到，请换一个。")

    def get_help_text(self) -> str:
        return _("不要和姓名或邮箱相像。")


class Uncommon(django_rules.CommonPasswordValidator):
    def get_error_message(self) -> str:
        return _("这个密码太常见，容易被猜到，请换一个。")

    def get_help_text(self) -> str:
        return _("不要用常见的密码。")
