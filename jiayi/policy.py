"""The Content-Security-Policy: what a browser may load and do on our pages."""

from csp.constants import NONE, SELF

DIRECTIVES = {
    "default-src": [SELF],
    # blob: a picture or recording on its way, shown from the person's own device before it is sent.
    "img-src": [SELF, "data:", "blob:"],
    "media-src": [SELF, "blob:"],
    "object-src": [NONE],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
