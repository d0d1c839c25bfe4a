"""What people are told: requested, decided, put into words, sent, and what came of it.

events is the table of what there is, states the life of one notification, channels the ways to people. Imported by
inbound, diagnosis and the sandbox; imports api and the shared modules.
"""
