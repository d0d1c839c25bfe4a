"""The command that shows the check-up on the terminal."""

import io
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from wecom.diagnosis.checkup import checkup
from wecom.diagnosis.findings import Finding
from wecom.diagnosis.programs import await_starts
from wecom.diagnosis.trial import await_trial, begin_trial, came_of
from wecom.outbound.events import GROUP
from wecom.outbound.sending import send_due

MARKS = {"ok": "✓", "warn": "!", "bad": "✗"}
STARTING = 6.0  # seconds for programs that were reloaded or restarted just before this command
WAIT_FOR_TRIAL = 12.0  # seconds for another worker that has claimed the test message; one request takes less


def try_the_group() -> Finding:
    """Send a test message to the group through the queue, with all that is due, and return its outcome."""
    row = begin_trial(GROUP)
    send_due()
    row.refresh_from_db()
    return came_of(await_trial(row, WAIT_FOR_TRIAL) if row.state == row.State.SENDING else row)


class Command(BaseCommand):
    help = "Tell what of the connection to WeCom works, what does not, and what to do. Exit code 1 if anything is bad."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--send-test", action="store_true", help="send a test message to the group as well")

    def handle(self, *args: Any, send_test: bool, **options: Any) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal without these characters is no reason to stop
        await_starts(STARTING)
        found = [*([try_the_group()] if send_test else []), *checkup(ask_wecom=True)]
        for finding in found:
            self._show(finding)
        bad = sum(finding.level == "bad" for finding in found)
        if bad:
            raise CommandError(_("有 %d 项需要处理。") % bad)

    def _show(self, finding: Finding) -> None:
        style = {"ok": self.style.SUCCESS, "warn": self.style.WARNING, "bad": self.style.ERROR}[finding.level]
        self.stdout.write(f"{style(MARKS[finding.level])} {finding.title}  {finding.detail}")
        if finding.fix:
            self.stdout.write(f"    → {finding.fix}")
