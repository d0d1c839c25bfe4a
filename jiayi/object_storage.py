"""Where the files of conversations are stored: a folder, or a bucket of S3-compatible storage (requirements-s3.txt)."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

# Readable by the web server's group only.
FOLDER: dict[str, Any] = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {"file_permissions_mode": 0o640, "directory_permissions_mode": 0o750},
}


def s3_storage(
    bucket: str, *, endpoint: str = "", region: str = "", addressing: str = "auto", key: str = "", secret: str = ""
) -> dict[str, Any]:
    """Return the entry of STORAGES for a bucket. Without a key, boto3 looks for credentials where it always does.

    Raises ImproperlyConfigured when the packages are not installed, or the addressing style is none.
    """
    options = {
        "bucket_name": bucket,
        "endpoint_url": endpoint or None,
        "region_name": region or None,
        "access_key": key or None,
        "secret_key": secret or None,
        "client_config": _client(addressing),
        # None: the bucket's own, which is private; many buckets refuse to be told.
        "default_acl": None,
        "querystring_auth": True,  # no address of a file is ever given out; were it, it would not be public
        "file_overwrite": False,
        "max_memory_size": 1024 * 1024,  # bytes of a file being read; the rest goes to a temporary file
    }
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def _client(addressing: str) -> Any:
    """Return how botocore talks to the storage."""
    if addressing not in {"auto", "path", "virtual"}:
        raise ImproperlyConfigured("FILES_S3_ADDRESSING must be auto, path or virtual.")
    try:
        import storages.backends.s3  # noqa: F401
        from botocore.config import Config
    except ImportError:
        raise ImproperlyConfigured("FILES_S3_BUCKET needs: pip install -r requirements-s3.txt") from None
    return Config(
        s3={"addressing_style": addressing},
        connect_timeout=5,  # seconds
        read_timeout=20,
        retries={"total_max_attempts": 2},
        # The newer checksums of AWS are unknown to other makers' storage; sha256 is on the row.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
