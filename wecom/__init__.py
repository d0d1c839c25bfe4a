"""The bridge between the website and WeCom. It listens to the domain's signals; no app imports it.

The settings take `api.secrets`, the URLs `urls`; there the parts are put together.

Rooms, from the top: sandbox and diagnosis; inbound; outbound; api. A room imports those below it, never those above.
models, names, textcut, kinds, clock, failpoints and reply_target are shared by all.
"""
