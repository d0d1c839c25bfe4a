"""The bridge between the website and WeCom. It listens to the domain's signals; nothing outside imports it.

Rooms, from the top: sandbox and diagnosis; inbound; outbound; api. A room imports those below it, never those above.
models, names, textcut, kinds, clock, failpoints and reply_target are shared by all.
"""
