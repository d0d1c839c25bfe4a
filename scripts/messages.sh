#!/bin/sh
# Bring locale/en up to date with the Chinese texts in code and templates. Then translate what is new: look for
# `msgstr ""` and `fuzzy`. The compiled file is kept in git, because a bare machine has no msgfmt.
set -eu
cd "$(dirname "$0")/.."
export DEBUG=true JIAYI_ENV_FILE=/dev/null
.venv/bin/python manage.py makemessages -l en --no-location --no-wrap --no-obsolete -i .venv -i var -i node_modules
# The time of the run is no change worth a commit.
sed -i.bak '/^"POT-Creation-Date:/d' locale/en/LC_MESSAGES/django.po && rm locale/en/LC_MESSAGES/django.po.bak
.venv/bin/python manage.py compilemessages -l en -l zh_Hans -i .venv -i node_modules
