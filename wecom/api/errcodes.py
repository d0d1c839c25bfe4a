"""The meaning of WeCom's errcodes: whether to send again, and what a person has to do (DOC 90313, DOC 99110)."""

import enum
from typing import NamedTuple


class Verdict(enum.Enum):
    """The kind of a failed request's error, by which its caller decides what to do next."""

    RETRY = "retry"  # the same request may succeed later
    PAYLOAD = "payload"  # permanent for this payload; others go through
    CONFIGURATION = "configuration"  # permanent for the whole channel until a person mends it
    TOKEN = "token"  # noqa: S105 - refresh the access token and try once more


class Explanation(NamedTuple):
    """Verdict, plain Chinese words for a person, and the seconds to wait at least before the next try."""

    verdict: Verdict
    text: str
    wait: float = 0.0


_RETRY = {
    -1: Explanation(Verdict.RETRY, "企业微信系统繁忙，稍后自动重试。"),
    6000: Explanation(Verdict.RETRY, "企业微信数据版本冲突，稍后自动重试。"),
    # A block by the minute lasts 60 s (DOC 90312); trying earlier may prolong it.
    45009: Explanation(Verdict.RETRY, "发送频率超过企业微信上限，至少等待 60 秒后自动重试。", wait=60.0),
    45033: Explanation(Verdict.RETRY, "并发请求超过企业微信上限，稍后自动重试。"),
    45035: Explanation(Verdict.RETRY, "企业微信提示操作冲突，稍后自动重试。"),
    45036: Explanation(Verdict.RETRY, "请求的数据量超过企业微信上限，稍后自动重试。"),
    2000111: Explanation(Verdict.RETRY, "企业微信系统故障，稍后自动重试。"),
    2000141: Explanation(Verdict.RETRY, "企业微信系统故障，稍后自动重试。"),
}

_TOKEN = {
    40014: "access_token 无效，自动重新获取后重试一次。",
    41001: "请求缺少 access_token，自动重新获取后重试一次。",
    42001: "access_token 已过期，自动重新获取后重试一次。",
}

_PAYLOAD = {
    40003: "接收人账号不存在，请核对该顾问的企业微信账号。",
    40007: "素材 media_id 无效或已过期（有效期 3 天），请重新上传。",
    40008: "消息类型不合法，请把此错误告知开发人员。",
    40033: "消息含有不允许的 \\uXXXX 转义字符，请把此错误告知开发人员。",
    40035: "参数不合法，请把此错误告知开发人员。",
    40039: "消息中的链接过长，请检查 SITE_URL。",
    40058: "参数不合法或内容过长，请把此错误告知开发人员。",
    40063: "参数为空，请把此错误告知开发人员。",
    40127: "链接的协议不合法，请检查 SITE_URL。",
    40145: "素材 media_id 无效或已过期（有效期 3 天），请重新上传。",
    40201: "内容被企业微信反垃圾规则拦截，请修改内容后重发。",
    40204: "内容被企业微信反垃圾规则拦截，请修改内容后重发。",
    40206: "请求内容过大，请缩短内容后重发。",
    41016: "缺少标题，请把此错误告知开发人员。",
    41033: "缺少描述，请把此错误告知开发人员。",
    42014: "卡片的 task_id 不合法或已被使用，请把此错误告知开发人员。",
    42052: "消息已超过 24 小时，不能撤回。",
    44004: "消息内容为空，请把此错误告知开发人员。",
    45002: "消息内容过长，请缩短内容后重发。",
    45008: "图文消息超过 8 条，请把此错误告知开发人员。",
    45034: "链接缺少 http:// 或 https://，请检查 SITE_URL。",
    60111: "接收人账号不存在，请核对该顾问的企业微信账号。",
    60140: "卡片已更新过或已超过 72 小时，不能再更新。",
    # One account written wrongly must not stop what goes to all the others, so this is not CONFIGURATION.
    81013: "接收人都无效：请核对该顾问的企业微信账号，并确认账号在应用可见范围内。",
    82001: "没有接收人，请核对该顾问的企业微信账号。",
    82004: "内容可能导致客户端异常，被企业微信拒绝，请修改内容后重发。",
    82101: "卡片更新的对象不在原消息的接收范围内。",
    82102: "卡片更新的对象不在原消息的接收范围内。",
    85002: "内容含有违禁词，请修改内容后重发。",
    93017: "消息内容为空，请把此错误告知开发人员。",
    93018: "图片过大（上限 2 MB），请压缩后重发。",
    301019: "图片 MD5 校验不一致，请把此错误告知开发人员。",
    830002: "文件过大，不能取回，请改用网站上传。",
    # Fields of template cards.
    **dict.fromkeys(range(42027, 42052), "模板卡片字段不合法，请把此错误告知开发人员。"),
}

_CONFIGURATION = {
    40001: "应用 Secret 不正确，请在企业微信管理后台核对后修改 WECHAT_APP_SECRET。",
    40013: "企业 ID 不正确，请在「我的企业」页面核对后修改 WECHAT_CORP_ID。",
    40056: "AgentId 不正确，请在应用详情页核对后修改 WECHAT_AGENT_ID。",
    40091: "应用 Secret 不正确，请在企业微信管理后台核对后修改 WECHAT_APP_SECRET。",
    43012: "应用没有设置接收消息的回调 URL，请在应用的「接收消息」中填写。",
    48002: "应用没有调用该接口的权限，请在企业微信管理后台检查应用权限。",
    48006: "应用因长期未使用被收回接口权限，请在企业微信管理后台重新启用。",
    48010: "服务器的 TLS 版本过低，请升级服务器的 OpenSSL。",
    50003: "应用已停用，请在企业微信管理后台启用。",
    60011: "应用没有权限，请在企业微信管理后台检查应用的可见范围和权限。",
    60020: "服务器 IP 不在企业可信 IP 中，请在应用详情页的「企业可信 IP」中添加，约 1 分钟后生效。",
    60031: "应用已停用，请在企业微信管理后台启用。",
    93000: "群机器人的 Webhook 地址无效，或机器人已被移出群，请重新添加机器人并更新 WECHAT_WEBHOOK_URL。",
    93001: "该群不允许机器人推送消息，请换一个群添加机器人并更新 WECHAT_WEBHOOK_URL。",
    93004: "群机器人已被停用，请在群设置中重新启用。",
    93006: "群不存在或已解散，请换一个群添加机器人并更新 WECHAT_WEBHOOK_URL。",
    93008: "群机器人已不在群中，请重新添加机器人并更新 WECHAT_WEBHOOK_URL。",
    93019: "群机器人不存在，请重新添加机器人并更新 WECHAT_WEBHOOK_URL。",
    301002: "access_token 与 AgentId 不属于同一个应用，请核对 WECHAT_AGENT_ID 和 WECHAT_APP_SECRET。",
    301007: "企业不可用，请登录企业微信管理后台查看企业状态。",
}

_TABLE: dict[int, Explanation] = {
    **_RETRY,
    **{code: Explanation(Verdict.TOKEN, text) for code, text in _TOKEN.items()},
    **{code: Explanation(Verdict.PAYLOAD, text) for code, text in _PAYLOAD.items()},
    **{code: Explanation(Verdict.CONFIGURATION, text) for code, text in _CONFIGURATION.items()},
}


def explain(errcode: int) -> Explanation:
    """Return what a non-zero errcode means (DOC 90313).

    An errcode that is not in the table is RETRY: its cost is a few repeated requests and, after the last of them, one
    failed row that administrators see. PAYLOAD would give the message up at once, CONFIGURATION would stop the whole
    channel because of one message, and for an unknown code neither is known to be right.
    """
    known = _TABLE.get(errcode)
    if known:
        return known
    return Explanation(
        Verdict.RETRY,
        f"企业微信返回未收录的错误码 {errcode}，稍后自动重试；若一直失败，请查企业微信文档的全局错误码（90313）。",
    )
