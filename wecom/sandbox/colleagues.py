"""The colleagues of the company that the sandbox plays."""

from collections.abc import Iterable
from dataclasses import dataclass

from advisors.models import Advisor

# LiMing and ZhangWei are bound by seed_demo until the admin unbinds them; WangFang has no account on the site.
_STAFF = (("LiMing", "李明"), ("ZhangWei", "张伟"), ("WangFang", "王芳"))


@dataclass(frozen=True)
class Colleague:
    """A WeCom account, and whether an advisor of the site is bound to it now."""

    userid: str
    name: str
    bound: bool


def colleagues() -> list[Colleague]:
    """Give all WeCom accounts: those bound on the site, and the rest of the staff."""
    advisors = Advisor.objects.exclude(wecom_userid="").select_related("user").order_by("pk")
    bound = [Colleague(advisor.wecom_userid, advisor.user.name, bound=True) for advisor in advisors]
    taken = {colleague.userid.lower() for colleague in bound}
    return bound + [Colleague(userid, name, bound=False) for userid, name in _STAFF if userid.lower() not in taken]


def find(userid: str, among: Iterable[Colleague]) -> Colleague | None:
    """Give the colleague with this account, ignoring case as WeCom does (DOC 90195)."""
    return next((colleague for colleague in among if colleague.userid.lower() == userid.lower()), None)
