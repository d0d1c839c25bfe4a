"""The live stream: server-sent events on a raw ASGI route, what each person is shown of an event, and typing notices.

Imported by jiayi/asgi.py, which serves the stream, and by the JSON API (`typing`).
"""
