#!/bin/sh
# Every night, as root: 30 3 * * * root /srv/jiayi/docs/deploy/backup.sh     (a line of /etc/cron.d/jiayi)
# The database first: what it names is then among the files, which are never removed while a message has them.
# Copy the folder to another machine, and keep .env (SECRET_KEY, WeCom's secrets) somewhere else: it is not in here.
set -eu
umask 077
folder=${1:-/var/backups/jiayi}
day=$(date +%F)
mkdir -p "$folder"
runuser -u postgres -- pg_dump --format=custom jiayi > "$folder/db-$day.dump.part"
tar -C /srv/jiayi/var -czf "$folder/files-$day.tar.gz.part" files spool
mv "$folder/db-$day.dump.part" "$folder/db-$day.dump"
mv "$folder/files-$day.tar.gz.part" "$folder/files-$day.tar.gz"
find "$folder" -name '*-20*' -mtime +30 -delete
