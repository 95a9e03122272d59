#!/bin/sh
# Requests to a web server by wrk: thousands per second of its CPU time. Fails
# if an answer is not what it should be.
#   wrk.sh connections port path pid
ticks() { cut -d' ' -f14,15 "/proc/$1/stat" | tr ' ' '+'; }
url=http://127.0.0.1:$2$3
curl -sf -o /dev/null "$url" || { echo "no answer from $3"; exit 1; }
before=$(ticks "$4")
wrk -t1 "-c$1" -d2 "$url" >"${TMPDIR:-/tmp}/wrk.$$"
used=$(($(ticks "$4") - ($before)))
awk -v ticks="$used" -v hz="$(getconf CLK_TCK)" '
  / requests in / { requests = $1 }
  /Non-2xx/ { print "errors: " $NF; failed = 1 }
  END { if (!failed) printf "%.2f\n", requests / 1000 / (ticks / hz)
        exit failed }
' "${TMPDIR:-/tmp}/wrk.$$"
status=$?
rm "${TMPDIR:-/tmp}/wrk.$$"
exit $status
