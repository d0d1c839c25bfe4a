"""Files in conversations: recognising, checking, scanning, storing and serving them.

`receiving` is for pages and API; `uploads` and `actions` also for `wecom.inbound`, which brings files from WeCom;
`scanning` for the delivery worker and the admin. `decoder` runs as a program of its own and imports nothing of ours.
"""
