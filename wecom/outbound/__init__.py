"""Notifications: requested, decided, put into words, sent, and marked with the outcome.

events is the table of the kinds there are, states the life of one notification, channels the ways to people.
Imported by inbound, diagnosis and the admin; imports api and the shared modules.
"""
