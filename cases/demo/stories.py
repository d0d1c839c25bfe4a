"""Stories of the demo's cases: what has happened in them. Invented, and plausible.

A line is when, what, and the text. When: `-3 09:12` is three days ago at that time of the office, `-40m` forty minutes
ago. What: see `telling.py`.
"""

from dataclasses import dataclass

Line = tuple[str, str, str]


@dataclass(frozen=True)
class Story:
    """One case: whose it is, what about, and what happened in it."""

    email: str
    name: str
    title: str
    kind: str
    lines: tuple[Line, ...]
    advisor: str = "advisor@example.com"  # "": none


WANG = (
    ("-6 09:12", "member", "李老师您好，我的学签明年 2 月 28 日到期，想请您帮我续签。"),
    ("-6 09:13", "member", "学校是全日制本科三年级，还有一年半毕业。"),
    ("-6 09:14", "told", ""),
    ("-6 09:31", "advisor in wecom", "收到。到期前至少 30 天递交就来得及，我们按 12 月中递交来准备。"),
    ("-6 09:32", "advisor in wecom", "请先把护照首页、现有学签和在读证明发给我。"),
    ("-6 12:40", "member reads", ""),
    ("-6 12:44", "member's file", "护照首页.jpg"),
    ("-6 12:45", "member's file", "现有学签.jpg"),
    ("-6 12:46", "told", ""),
    ("-5 10:05", "advisor reads", ""),
    ("-5 10:07", "advisor", "护照和学签都清楚。在读证明请向学校注册处要英文的，写明全日制和预计毕业时间。"),
    ("-5 10:09", "note", "学签上有校外打工限制的备注，递交时一并申请更正。"),
    ("-4 15:20", "member reads", ""),
    ("-4 15:21", "member's recalled", "学校说要交 30 加币，我让他们寄到 "),
    ("-4 15:24", "member's file", "在读证明 Enrolment Letter.pdf"),
    ("-4 15:26", "member's file", "语音 留言.wav"),
    ("-4 15:27", "told", ""),
    ("-4 15:52", "advisor in wecom", "语音听到了。资金证明用父母的也可以，附上亲属关系公证和一封资助信。"),
    ("-3 11:30", "advisor's file", "IMM5710 草稿.pdf"),
    ("-3 11:31", "advisor", "表格草稿在上面，请核对姓名、地址和入境日期，有错直接在这里告诉我。"),
    ("-2 20:15", "member reads", ""),
    ("-2 20:18", "member", "核对好了，只有地址的单元号要改：1203，不是 1230。"),
    ("-2 20:19", "told", ""),
    ("-1 08:55", "advisor in wecom", "已改。资金证明到了我就递交，预计下周二。"),
    ("-1 12:10", "member reads", ""),
    ("-1 13:30", "advisor reads", ""),
)
LIN = (
    ("-9 14:02", "member", "李律师好，我和先生去年登记结婚，他是加拿大公民，想办配偶团聚。"),
    ("-9 14:03", "told", ""),
    ("-9 14:40", "advisor in wecom", "恭喜！请问您现在人在加拿大境内，还是国内？"),
    ("-8 09:05", "member", "在国内，上海。先生在多伦多工作。"),
    ("-8 09:06", "told", ""),
    ("-8 09:22", "advisor in wecom", "那就走境外配偶担保。关系证明很重要：合影、聊天记录、往来机票、共同账户。"),
    ("-5 16:30", "member reads", ""),
    ("-5 16:34", "member's file", "结婚证公证件.pdf"),
    ("-5 16:36", "member", "公证件做好了。聊天记录要多少页合适？"),
    ("-5 16:37", "told", ""),
    ("-4 09:40", "advisor reads", ""),
    ("-4 09:45", "advisor", "每个月挑几段，总共 20 页以内，翻译成英文。其余的我们写进关系说明信。"),
    ("-4 09:50", "note", "先生 2019 年担保过前妻，需确认三年限制已过。"),
    ("-2 21:05", "member reads", ""),
    ("-1 10:15", "advisor", "担保人表格 IMM 1344 我先帮先生填好了，请他明天之前在线签名。"),
)
WANG_BEFORE = (
    ("-210 10:00", "member", "父母想来参加我的开学典礼，需要办访客签证吗？"),
    ("-210 10:30", "advisor in wecom", "需要，两位一起申请。请提供邀请信、在职证明和半年银行流水。"),
    ("-205 18:20", "member", "材料都发到邮箱了，谢谢！"),
    ("-205 18:40", "advisor", "收到，已递交。"),
    ("-178 09:15", "advisor in wecom", "签证批下来了，十年多次。恭喜！"),
    ("-178 12:00", "member", "太好了，非常感谢！"),
    ("-177 09:00", "advisor reads", ""),
    ("-177 09:01", "close", ""),
    ("-177 12:00", "member reads", ""),
)
CHEN = (
    ("-3 13:10", "member", "我下个月毕业，想申请毕业工签，现在可以交吗？"),
    ("-3 13:11", "told", ""),
    ("-3 13:45", "advisor in wecom", "拿到完成学业的正式信就可以交，180 天之内都行。成绩单也请准备好。"),
    ("-2 10:00", "member reads", ""),
    ("-2 11:00", "advisor reads", ""),
    ("-190m", "member", "毕业信拿到了！另外语言成绩要今年的吗？我的雅思是前年考的。"),
    ("-188m", "member", "学签下周就到期了，有点着急。"),
    ("-187m", "told", ""),
)
ZHAO = (
    ("-2 11:20", "member", "Hello, I would like my parents to visit me in Vancouver for three months next summer."),
    ("-2 11:21", "told", ""),
    ("-2 11:58", "advisor", "Hello Emma, with pleasure. Are both of them retired, and did they travel abroad before?"),
    ("-1 09:30", "member reads", ""),
    ("-45m", "member", "Both retired, yes. They were in Japan in 2023 and went home in time."),
    ("-44m", "told", ""),
    ("-30m", "advisor reads", ""),
)
LIU = (
    ("-12 09:40", "member", "雇主换了地址，工签延期要不要重新做 LMIA？"),
    ("-12 10:10", "advisor", "要看雇主是不是同一法人。请把新的雇佣信发来。"),
    ("-6 17:00", "hand over", "刘洋的雇主在 BC 省，李明熟悉那边的省提名，由他接着跟。"),
    ("-5 09:15", "advisor", "刘先生您好，您的案件以后由我跟进，材料我都看过了。"),
    ("-4 12:30", "member reads", ""),
    ("-1 14:05", "member", "新雇佣信要下周才有，先用旧的行不行？"),
    ("-1 14:06", "told", ""),
)
HE = (
    ("-15 10:20", "member", "五年里住满 1095 天，现在可以申请入籍了吗？"),
    ("-15 11:00", "advisor in wecom", "可以。请用移民局的计算器算一遍，把结果页发我，最好多出 30 天。"),
    ("-11 19:10", "member", "算了，是 1162 天。"),
    ("-10 09:30", "advisor reads", ""),
    ("-10 09:32", "advisor", "够了。照片和报税记录齐了就可以交。"),
    ("-9 20:00", "member reads", ""),
)
KIM = (
    ("-4 13:00", "member", "Hi, I was admitted to a college in Toronto. How long does a study permit take from Seoul?"),
    ("-4 13:01", "told", ""),
    (
        "-4 13:25",
        "advisor in wecom",
        "Hi Daniel, about eight weeks. You also need a provincial attestation letter first.",
    ),
    ("-3 08:10", "member reads", ""),
    ("-3 08:12", "member", "The college sends it next week. I will upload it here."),
    ("-3 08:13", "told", ""),
    ("-3 09:00", "advisor", "Good. Please upload your bank statements at the same time."),
)
ZHOU = (
    ("-95 09:00", "member", "EE 分数 478，这一轮有希望吗？"),
    ("-95 09:50", "advisor", "法语加分之后就稳了，您上次说的 TEF 成绩出来了吗？"),
    ("-60 21:30", "member", "出来了，B2！分数变成 512。"),
    ("-59 09:10", "advisor in wecom", "非常好，下一轮应该能收到邀请。"),
    ("-20 10:00", "advisor", "永久居民批准信已到，恭喜！本案结案，枫叶卡寄到您家里。"),
    ("-20 10:02", "close", ""),
    ("-19 08:00", "member reads", ""),
)
NEW = (
    ("-25m", "member", "您好，朋友推荐我来的。我想了解带孩子一起移民的途径，孩子 8 岁。"),
    ("-24m", "told", ""),
)

# #1001 and #1002 are the README's. Its `member@example.com` has a closed case besides.
STORIES = (
    Story("member@example.com", "王小明", "学签续签", "study_permit", WANG),
    Story("member2@example.com", "林芳", "配偶团聚移民", "family", LIN),
    Story("member@example.com", "王小明", "父母访客签证", "visitor", WANG_BEFORE),
    Story("member3@example.com", "陈思远", "毕业工签", "work_permit", CHEN),
    Story("member4@example.com", "Emma Zhao", "Visitor visas for my parents", "visitor", ZHAO),
    Story("member5@example.com", "刘洋", "工签延期", "work_permit", LIU, advisor="advisor2@example.com"),
    Story("member6@example.com", "何丽", "入籍申请", "citizenship", HE),
    Story("member7@example.com", "Daniel Kim", "Study permit, Toronto", "study_permit", KIM),
    Story("member8@example.com", "周敏", "快速通道 EE", "pr", ZHOU),
    Story("member9@example.com", "李娜", "全家移民咨询", "pr", NEW, advisor=""),
)
