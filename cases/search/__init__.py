"""Searching conversations: `queries` finds, `serializers` and `answers` say what is asked and answered.

Nothing imports it but the URLs. What a message is found by is stored with it (cases/models/search_text.py).
"""
