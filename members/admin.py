"""The admin pages of accounts, groups, members, account mails and second factors."""

from typing import Any

import allauth.account.admin
import allauth.mfa.admin  # noqa: F401  both register their models, so that we can take them back below
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jiayi.admin import ReadOnlyAdmin
from members.models import AccountMail, Member, SecondFactor, User

RIGHTS = {"add": _("添加"), "change": _("修改"), "delete": _("删除"), "view": _("查看")}


class RightsField(forms.ModelMultipleChoiceField):
    """A choice of permissions with Chinese names; Django's own are English."""

    def label_from_instance(self, obj: Any) -> str:
        right = RIGHTS.get(obj.codename.partition("_")[0], obj.name)
        return f"{obj.content_type.app_labeled_name}：{right}"


class RightsMixin:
    """Base of admin pages that offer permissions: only those of models that are in the admin."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            shown = ContentType.objects.get_for_models(*admin.site._registry, for_concrete_models=False)
            kwargs["form_class"] = RightsField
            kwargs["queryset"] = Permission.objects.filter(content_type__in=shown.values())
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]


admin.site.unregister(Group)


@admin.register(Group)
class RightsGroupAdmin(RightsMixin, GroupAdmin):
    pass


@admin.register(User)
class AccountAdmin(RightsMixin, UserAdmin):
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    readonly_fields = ("date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        (_("权限"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("时间"), {"fields": ("date_joined", "last_login")}),
    )
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        # allauth keeps addresses of its own; an old one would go on receiving the links that reset the password.
        EmailAddress.objects.filter(user=obj).exclude(email=obj.email).delete()

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


@admin.register(Member)
class MemberAdmin(ReadOnlyAdmin):
    list_display = ("name", "email", "created_at")
    search_fields = ("user__name", "user__email")
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Member]:
        return super().get_queryset(request).select_related("user")

    @admin.display(description=_("姓名"), ordering="user__name")
    def name(self, member: Member) -> str:
        return str(member.user.name)

    @admin.display(description=_("邮箱"), ordering="user__email")
    def email(self, member: Member) -> str:
        return member.user.email


@admin.register(AccountMail)
class AccountMailAdmin(ReadOnlyAdmin):
    """E-mails about accounts and their outcome, without text and address."""

    list_display = ("__str__", "user_name", "state", "attempts", "created_at", "ended_at", "note")
    list_filter = ("state",)
    search_fields = ("user__name", "user__email")
    ordering = ("-pk",)
    fields = ("user", "state", "attempts", "due_at", "created_at", "ended_at", "note")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AccountMail]:
        return super().get_queryset(request).select_related("user")

    @admin.display(description=_("账号"))
    def user_name(self, mail: AccountMail) -> str:
        return mail.user.name if mail.user else "—"


# An account has one address, and it stands in the account.
admin.site.unregister(EmailAddress)
admin.site.unregister(Authenticator)


@admin.register(SecondFactor)
class SecondFactorAdmin(admin.ModelAdmin):
    """Second factors, without their secrets. Deleting one lets a person sign in who lost the device."""

    list_display = ("account", "means", "created", "last_used")
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email")
    fields = ("account", "means", "created", "last_used")

    @admin.display(description=_("账号"), ordering="user__email")
    def account(self, factor: SecondFactor) -> str:
        return str(factor.user)

    @admin.display(description=_("方式"), ordering="type")
    def means(self, factor: SecondFactor) -> str:
        return factor.means

    @admin.display(description=_("创建时间"), ordering="created_at")
    def created(self, factor: SecondFactor) -> str:
        return display_for_value(factor.created_at, "—")

    @admin.display(description=_("最近使用"), ordering="last_used_at")
    def last_used(self, factor: SecondFactor) -> str:
        return display_for_value(factor.last_used_at, "—")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: SecondFactor | None = None) -> bool:
        return False
