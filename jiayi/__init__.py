"""What every app shares and that knows no app."""

# The product's version, in this place only; CHANGELOG.md says what is in it.
__version__ = "0.1.0"
