"""What tests share. Only tests import it, and it imports no test.

The one of each kind:

- people: the named cast (`World`), and what people do in one line (`says`, `send`, `signed_in`); recording makes it
  once a session and writes it into each test's database; scene: the cast with its browsers; files: what they send.
- clock: time that stands still until a test moves it; NOON.
- size: how large the longest tests are, in `make test` and in `make prove`.
- processes: the one starter of programs; server: the site by gunicorn on the test database; page: a live stream of it;
  held: a server whose pages last as long as a test wants; site: the site that browsers look at; workers: forked
  workers that can be killed; threads: calls at the same moment.
- standin: servers that run in a thread of the test: post_office (mail), s3 (object storage); clamd (virus scanner);
  hostile: WeCom as an HTTP server that misbehaves as told; robot and app: WeCom that says yes; colleague: WeCom that
  calls us back.
- flush: the end of a test with real transactions.
"""
