"""A WeCom for developers: it answers in WeCom's place, and lets anybody write as any colleague.

Installed only with WECOM_SANDBOX and DEBUG. Imported by nothing; imports inbound and the shared modules.
"""
