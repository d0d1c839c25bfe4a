import logging


class RedactSecrets(logging.Filter):
    pass
