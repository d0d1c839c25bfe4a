"""The tables of the bridge to WeCom: what goes out, what came in, and the ways between."""

from wecom.models.channel import AppToken as AppToken
from wecom.models.channel import Channel as Channel
from wecom.models.channel import Checkup as Checkup
from wecom.models.inbound import InboundMessage as InboundMessage
from wecom.models.inbound import ReplyMenu as ReplyMenu
from wecom.models.inbound import ReplyTarget as ReplyTarget
from wecom.models.notification import Attempt as Attempt
from wecom.models.notification import Notification as Notification
