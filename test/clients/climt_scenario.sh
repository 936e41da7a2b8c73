#!/usr/bin/env bash
# The acceptance scenario with the command line of ZooKeeper's C client:
#
#   climt_scenario.sh HOST:PORT
#
# One session is held open and typed into; a second one looks from outside. One
# line is printed for each step; the first that fails ends the run with 1.
# CLI_MT names the client when it is not where Debian's package puts it.
set -u

address=${1:?usage: climt_scenario.sh HOST:PORT}
climt=${CLI_MT:-/usr/lib/zookeeper/bin/cli_mt}
base=/climt-$$-$RANDOM
wait=15 # seconds, for anything that has to happen

fail() {
    echo "FAIL $1"
    exit 1
}

# until_line PATTERN STEP: reads a client's output up to a line that matches.
until_line() {
    local line
    while IFS= read -r -t "$wait" -u "$out" line; do
        if [[ $line =~ $1 ]]; then
            matched=${BASH_REMATCH[1]-}
            return
        fi
    done
    fail "$2: no line of the client's output matches: $1"
}

# step NAME COMMAND PATTERN...: types a command, the patterns must come in order.
step() {
    local name=$1 command=$2
    shift 2
    printf '%s\n' "$command" >&"$in" || fail "$name: the client is gone"
    local pattern
    for pattern in "$@"; do until_line "$pattern" "$name"; done
    echo "ok   $name"
}

# there NAME COMMAND PATH: types an exists, which says nothing when the node is
# there; what follows it tells that it was answered.
there() {
    printf '%s\n%s\n' "$2 $3" "exists $base/nowhere" >&"$in" || fail "$1: the client is gone"
    until_line "^Error (-?[0-9]+ for $base/.*)" "$1"
    [[ $matched == "-101 for $base/nowhere" ]] || fail "$1: $matched"
    echo "ok   $1"
}

# The client writes to a pipe in blocks unless it is told to write lines.
coproc OTHER { stdbuf -oL "$climt" -h "$address" 2>&1; }
other_in=${OTHER[1]} other_out=${OTHER[0]} other_pid=$OTHER_PID
# Bash warns that it has one coprocess already, and keeps both all the same.
{ coproc CLI { stdbuf -oL "$climt" -h "$address" 2>&1; }; } 2>/dev/null
cli_in=${CLI[1]} cli_out=${CLI[0]} cli_pid=$CLI_PID

mine() { in=$cli_in out=$cli_out; }
other() { in=$other_in out=$other_out; }

other
until_line 'Got a new session id: (0x[0-9a-f]+)' connect-other
owner=${matched#0x}
mine
until_line 'Got a new session id: (0x[0-9a-f]+)' connect
[[ ${matched#0x} != "$owner" ]] || fail "connect: two sessions have one id"
echo "ok   connect"

step create "create $base" "^\[$base\]: rc = 0\$" "name = $base\$"
step create-child "create $base/a" "^\[$base/a\]: rc = 0\$" "name = $base/a\$"
step create-again "create $base/a" "^\[$base/a\]: rc = -110\$"
step create-without-parent "create $base/no/parent" "^\[$base/no/parent\]: rc = -101\$"
step set "set $base/a one" "^$base/a: rc = 0 Stat:\$" 'version=1'
step read "get $base/a" "^$base/a: rc = 0\$" 'value_len = 3$' '^one$' 'version=1' 'ephemeralOwner = 0$'
step read-watch-fires "set $base/a two" "^Watcher CHANGED_EVENT state = CONNECTED_STATE for path $base/a\$" 'version=2'
step read-missing "get $base/nope" "^$base/nope: rc = -101\$"
step set-missing "set $base/nope x" "^$base/nope: rc = -101"
step list "ls $base" "^$base: rc = 0\$" '^[[:space:]]a$'
step list-watch-fires "create $base/b" "^Watcher CHILD_EVENT state = CONNECTED_STATE for path $base\$" "name = $base/b\$"
there exists exists "$base/b"
step delete "delete $base/b" "^$base/b: rc = 0\$"
step exists-no-more "exists $base/b" "Error -101 for $base/b"
step exists-watch "wexists $base/w" "Error -101 for $base/w"
step exists-watch-fires "create $base/w" "^Watcher CREATED_EVENT state = CONNECTED_STATE for path $base/w\$" "name = $base/w\$"
there exists-watch-again wexists "$base/w"
step exists-watch-fires-on-delete "delete $base/w" "^Watcher DELETED_EVENT state = CONNECTED_STATE for path $base/w\$"
step create2 "create2 $base/c2" "^\[$base/c2\]: rc = 0\$" "name = $base/c2\$" 'version=0'
step container "create +c $base/c" "^\[$base/c\]: rc = 0\$"
step sequence-folder "create $base/s" "name = $base/s\$"
for i in 0 1 2; do
    step "sequential-$i" "create +s $base/s/n-" '^\[.*\]: rc = 0$' "name = $base/s/n-000000000$i\$"
done
step ephemeral-sequential "create +es $base/s/e-" "name = $base/s/e-0000000003\$"
step list-with-stat "ls2 $base/s" '^[[:space:]]n-0000000000$' 'version=0'

other
step ephemeral-of-another "create +e $base/e" "name = $base/e\$"
step ephemeral-without-children "create $base/e/below" "^\[$base/e/below\]: rc = -108\$"
mine
step sync "sync $base" "^\[$base\]: rc = 0\$"
step ephemeral-is-there "get $base/e" "^$base/e: rc = 0\$" "ephemeralOwner = $owner\$"
other
step ephemeral-owner-quits "quit" '^Quitting'
wait "$other_pid" 2>/dev/null
mine
until_line "^Watcher DELETED_EVENT state = CONNECTED_STATE for path $base/e\$" ephemeral-vanishes
step ephemeral-vanished "exists $base/e" "Error -101 for $base/e"

step delete-not-empty "delete $base" "^$base: rc = -111\$"
for path in s/n-0000000000 s/n-0000000001 s/n-0000000002 s/e-0000000003 s c c2 a; do
    step "delete-$path" "delete $base/$path" "^$base/$path: rc = 0\$"
done
step delete-all "delete $base" "^$base: rc = 0\$"
step deleted "exists $base" "Error -101 for $base"
step quit "quit" '^Quitting'
wait "$cli_pid" 2>/dev/null
echo "ok   close"
