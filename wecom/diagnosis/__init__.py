"""Diagnosis: what is configured, what is wrong and how to mend it, for the admin, `check_wecom` and system checks.

Imported by the app's configuration, its template tag, the admin and the commands; imports inbound, outbound and api.
"""
