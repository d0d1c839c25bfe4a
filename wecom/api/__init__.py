"""WeCom's HTTP API: the client, its addresses, what its answers and errcodes mean, the access token.

Knows nothing of cases, notifications or advisors. Imported by every other room; imports only wecom.models.
"""
