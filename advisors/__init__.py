"""Advisors: their profile, the review of their licence, when they work and whether they are at the website.

Imports `members` and `jiayi`; `cases` and `wecom` may import it.
"""
