"""What it takes to end the sessions of one person, when a thousand and when a million sessions are open.

    .venv/bin/python -m benchmarks.many_sessions [--sessions 1000000] [--database-url postgres://…/postgres]

In process, wall time: 60 people with three sessions each are signed out, one after another, among the sessions of 1,000
others. One empty database of its own, about half a minute. Figures and machine: docs/performance.md.
"""

import argparse
import time
from datetime import timedelta

from benchmarks import figures
from benchmarks.servers import empty_database, environment, set_up_django

FEW, CROWD, PEOPLE, EACH = 1_000, 1_000, 60, 3
FILL = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
    INSERT INTO members_session (session_key, session_data, expire_date, user_id)
    SELECT %s || n, 'as long as the data of one who is signed in: a hundred and fifty characters or so', %s,
           %s + n %% %s FROM numbers
"""


def measure(options: argparse.Namespace) -> figures.Tables:
    """Measure it among few and among many."""
    with empty_database(options.database_url) as url:
        set_up_django(environment(url))
        from django.db import connection

        try:
            few = _ended_among(FEW, "few")
            table = {f"{FEW:,} sessions": few, f"{options.sessions:,} sessions": _ended_among(options.sessions, "many")}
        finally:
            connection.close()
    return {f"one person's sessions ended, {figures.engine(options)}": table}


def _ended_among(sessions: int, name: str) -> dict[str, float]:
    from django.db import connection
    from django.utils import timezone

    from benchmarks.world import sign_in
    from members.models import Session, User
    from members.sessions import end_sessions

    people = [User(email=f"{name}{n}@example.com", name=name) for n in range(CROWD + PEOPLE)]
    users = User.objects.bulk_create(people)
    others = Session.objects.count()
    with connection.cursor() as cursor:
        until = timezone.now() + timedelta(days=7)
        cursor.execute(FILL, [sessions - others, name, until, users[0].pk, CROWD])
        cursor.execute("ANALYZE")  # as PostgreSQL does by itself after a while
    sign_in(users[CROWD:] * EACH)
    seconds = []
    for user in users[CROWD:]:
        began = time.perf_counter()
        end_sessions(user)
        seconds.append(time.perf_counter() - began)
    if Session.objects.count() != sessions:
        raise SystemExit("others were signed out")
    return figures.milliseconds(seconds, 50, 95)


def main() -> None:
    parser = figures.arguments(__doc__)
    parser.add_argument("--sessions", type=int, default=1_000_000, metavar="N", help="at most (1000000)")
    figures.report(parser.parse_args(), measure)


if __name__ == "__main__":
    main()
