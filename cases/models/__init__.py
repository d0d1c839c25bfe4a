"""The tables of cases, conversations, files, notes and canned replies.

Everything in `cases`, and `wecom`, may import it; it imports nothing of `cases` itself.
"""

from cases.models.case import ALERT_SOON as ALERT_SOON
from cases.models.case import FIRST_NUMBER as FIRST_NUMBER
from cases.models.case import Case as Case
from cases.models.case import CaseQuerySet as CaseQuerySet
from cases.models.case import ReadMark as ReadMark
from cases.models.case import sees as sees
from cases.models.desk import CannedReply as CannedReply
from cases.models.desk import Note as Note
from cases.models.message import CLIENT_ID as CLIENT_ID
from cases.models.message import MAX_BODY as MAX_BODY
from cases.models.message import MAX_FILE_NAME as MAX_FILE_NAME
from cases.models.message import RECALL_MINUTES as RECALL_MINUTES
from cases.models.message import RECALL_WITHIN as RECALL_WITHIN
from cases.models.message import Attachment as Attachment
from cases.models.message import Message as Message
