"""What knows no app of the product: errors, settings, the bus of wake-ups, server and middleware, shared fields.

Every app may import it; it imports none. Only `settings`, `urls`, `asgi` and `wsgi`, where the parts are put together,
name them.
"""

# The product's version, in this place only; CHANGELOG.md says what is in it.
__version__ = "0.1.0"
