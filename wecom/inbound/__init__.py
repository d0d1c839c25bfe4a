"""What WeCom delivers: verified, decrypted, read strictly, stored once, routed into a case, and answered.

Imported by diagnosis and the sandbox; imports outbound, api and the shared modules.
"""
