"""Callbacks of WeCom: verified, decrypted, read strictly, stored once, routed into a case, answered with a receipt.

Imported by diagnosis and the sandbox; imports outbound, api and the shared modules.
"""
