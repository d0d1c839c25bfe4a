"""Middleware: security headers, compression, cookies the database cannot look up, and 404 for what is not there."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from jiayi.errors import Gone

COMPRESSED = ("text/html", "application/json")


def security_headers(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Add the headers that Django has no setting for; nothing a person sees may be kept by a shared cache."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", "camera=(self), microphone=(self), geolocation=()")
        if "Cache-Control" not in response.headers:
            patch_cache_control(response, private=True, no_store=True)
        return response

    return middleware


class Compress(GZipMiddleware):
    """Compress pages and the API's answers, and nothing else: files come in ranges and are compressed already.

    A page that repeats a part of the request beside a secret tells by its compressed length whether the two are alike
    (BREACH). Django blurs that length: it pads each answer with up to 100 random bytes, and masks the CSRF
    token anew in each. A proxy in front must not compress these by itself, because it would not.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        if response.streaming or kind not in COMPRESSED:
            return response
        return super().process_response(request, response)


class GoneIsNotFound(MiddlewareMixin):
    """Answer 404 when a page's view finds that something does not exist for this person (jiayi.errors.Gone).

    The JSON API has its own exception handler (jiayi/api.py).
    """

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Raise Http404 in the place of Gone; every other exception takes its way."""
        if isinstance(exception, Gone):
            raise Http404 from None


def plain_cookies(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Ignore cookies with a NUL, which no browser sends: a query with one is an error in PostgreSQL."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.COOKIES = {name: value for name, value in request.COOKIES.items() if "\0" not in value}
        return get_response(request)

    return middleware
