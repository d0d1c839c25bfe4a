"""`manage.py deliver` also has waiting files scanned; the rest of the scanner: tests/cases/files/test_scanner.py."""

import signal
import time
from io import BytesIO

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from cases.files.actions import post_file
from cases.files.uploads import read_upload
from cases.models import Attachment
from jiayi.clamd import Address
from tests.support import files
from tests.support.clamd import Clamd
from tests.support.people import World
from tests.support.processes import manage, start_manage


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_while_scanning_leaves_the_file_waiting_and_the_next_one_finishes(
    world: World, settings: Settings
) -> None:
    settings.STORAGES = {**settings.STORAGES, "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"}}
    settings.CLAMD_URL = Address("127.0.0.1", 1)
    settings.WECHAT_WEBHOOK_URL = ""
    upload = read_upload(BytesIO(files.PNG), "a.png")
    attachment = post_file(world.case, world.wang.user, upload, client_id="a")[0].attachment
    connection.close()
    on_disk = {"DJANGO_SETTINGS_MODULE": "tests.settings_on_disk", "MEDIA_ROOT": str(settings.MEDIA_ROOT)}
    with Clamd() as scanner:
        proper, scanner.answer = scanner.answer, scanner.hang
        url = f"tcp://127.0.0.1:{scanner.address.port}"
        worker = start_manage("deliver", CLAMD_URL=url, **on_disk)
        deadline = time.monotonic() + 60
        while not scanner.scanned and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        assert scanner.scanned == [files.PNG]
        scanner.answer = proper
        attachment.refresh_from_db()
        assert attachment.state == "waiting"
        Attachment.objects.update(scan_due_at=timezone.now())  # the lease has run out
        connection.close()
        assert manage("deliver", "--once", CLAMD_URL=url, **on_disk).returncode == 0
    attachment.refresh_from_db()
    assert attachment.state == "ready"
