"""A stand-in for WeCom: it answers in WeCom's place, and lets a developer write as any colleague.

Installed only with WECOM_SANDBOX and DEBUG. Imported by nothing; imports inbound, api and the shared modules.
"""
