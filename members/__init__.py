"""Accounts: what everybody signs in with, members and their profile, sign-up, e-mails about an account.

Imports `jiayi` only; every app above may import it.
"""
