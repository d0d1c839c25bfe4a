from rest_framework import authentication
from rest_framework.request import Request


class SessionAuthentication(authentication.SessionAuthentication):
    def authenticate_header(self, request: Request) -> str:
        # Makes DRF answer 401, so that the page can tell "signed out" from "not allowed".
        return "Session"
