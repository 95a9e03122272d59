#!/bin/sh
# Requests to a web server by wrk: thousands per second of its CPU time.
#   wrk.sh connections port path pid
ticks() { cut -d' ' -f14,15 "/proc/$1/stat" | tr ' ' '+'; }
before=$(ticks "$4")
wrk -t1 "-c$1" -d3 "http://127.0.0.1:$2$3" >"${TMPDIR:-/tmp}/wrk.$$"
used=$(($(ticks "$4") - ($before)))
awk -v ticks="$used" -v hz="$(getconf CLK_TCK)" '
  / requests in / { requests = $1 }
  END { printf "%.2f\n", requests / 1000 / (ticks / hz) }
' "${TMPDIR:-/tmp}/wrk.$$"
rm "${TMPDIR:-/tmp}/wrk.$$"
