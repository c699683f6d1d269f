#!/usr/bin/env bash
# Is there a Chromium for the tests in a browser? Installs Debian's where it may. Exit status 3, and one line: there is none.
set -u
command -v chromium >/dev/null || command -v google-chrome >/dev/null && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  { apt-get update && apt-get install -y chromium; } >/dev/null 2>&1 && command -v chromium >/dev/null && exit 0
  echo "expected Chromium for the tests in a browser, got none from apt-get; install chromium or google-chrome by hand"
else
  echo "expected Chromium for the tests in a browser, got none; install chromium or google-chrome, or run this as root on Debian"
fi
exit 3
