"""Diagnosis: what is configured, what is wrong and how to mend it, for the admin, `check_wecom` and system checks.

Imported by the admin and the commands only; imports inbound, outbound and api.
"""
