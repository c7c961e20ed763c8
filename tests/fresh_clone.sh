#!/bin/sh
# Does what the README says, in a fresh clone and with an empty home: the two commands, the printed
# curl line, and a look at the customer's phone. Says how long it took; fails at the first surprise.
#
#   tests/fresh_clone.sh [what `./gateway test` is given, default: everything]
set -eu

project=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
began=$(date +%s)
gateway=

finish() {
    [ -z "$gateway" ] || kill "$gateway" 2>/dev/null || true
    [ -z "$gateway" ] || wait "$gateway" 2>/dev/null || true
    rm -rf "$place"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() {
    echo "$(($(date +%s) - began)) s: $*"
}

within() { # SECONDS WHAT COMMAND…: until the command succeeds
    left=$1 what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        if [ "$left" -le 0 ]; then
            echo "It did not happen in time: $what" >&2
            cat "$place/up.log" >&2
            exit 1
        fi
        sleep 1
    done
}

mkdir "$place/home"
export HOME="$place/home"
unset DATABASE_URL REDIS_URL ENCRYPTION_KEYS HASH_KEY ENVIRONMENT VIRTUAL_ENV PYTHONPATH 2>/dev/null || true
git -c safe.directory='*' clone -q "$project" "$place/a clone"
cd "$place/a clone"

PORT=0 ./gateway up >"$place/up.log" 2>&1 &
gateway=$!
within 300 "the curl line is printed" grep -q '^curl ' "$place/up.log"
say "the gateway runs"

answer=$(sh -c "$(grep '^curl ' "$place/up.log") -s")
case $answer in
*'"success":true'*'"status":"queued"'*) say "the webhook is accepted: $answer" ;;
*)
    echo "The webhook was answered: $answer" >&2
    exit 1
    ;;
esac

phone=$(sed -n "s/^ *Customer's phone *//p" "$place/up.log")
customer=$(sed -n 's/^ *Customer  *\(+[0-9]*\),.*/\1/p' "$place/up.log")
arrived() {
    curl -s "${phone}api/customers/$customer/messages" | grep -q '"direction":"out".*Hello from 3CX'
}
within 20 "the message is on the customer's phone" arrived
say "the message is on the customer's phone"

kill -TERM "$gateway"
wait "$gateway"
gateway=
say "the gateway stopped cleanly"

./gateway test "$@"
say "the tests passed"
