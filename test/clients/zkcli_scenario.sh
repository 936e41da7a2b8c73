#!/usr/bin/env bash
# The acceptance scenario with ZooKeeper's command line client:
#
#   zkcli_scenario.sh HOST:PORT
#
# One session is held open and typed into; a second one looks from outside. One
# line is printed for each step; the first that fails ends the run with 1.
# ZKCLI names the client when it is not where Debian's package puts it.
set -u

address=${1:?usage: zkcli_scenario.sh HOST:PORT}
zkcli=${ZKCLI:-/usr/share/zookeeper/bin/zkCli.sh}
base=/zkcli-$$-$RANDOM
wait=15 # seconds, for anything that has to happen

fail() {
    echo "FAIL $1"
    exit 1
}

# The client runs with one pair of pipes for the whole scenario.
coproc CLI { "$zkcli" -server "$address" 2>&1; }
in=${CLI[1]} out=${CLI[0]} pid=$CLI_PID

# until_line PATTERN STEP: reads the client's output up to a line that matches.
until_line() {
    local line
    while IFS= read -r -t "$wait" -u "$out" line; do
        [[ $line =~ $1 ]] && return
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

# outside NAME COMMAND PATTERN: runs one command in a session of its own.
outside() {
    local name=$1 command=$2 pattern=$3 text
    # shellcheck disable=SC2086 # the command's words are meant to be split
    text=$("$zkcli" -server "$address" $command 2>&1)
    [[ $text =~ $pattern ]] || fail "$name: the output of '$command' does not match: $pattern
$text"
    echo "ok   $name"
}

until_line 'WatchedEvent state:SyncConnected' connect
echo "ok   connect"

step create "create $base root" "^Created $base\$"
step create-child "create $base/a one" "^Created $base/a\$"
step read "get -s $base/a" '^one$' '^cZxid = 0x[0-9a-f]+$' '^dataVersion = 0$' '^ephemeralOwner = 0x0$' '^dataLength = 3$'
step set "set -s $base/a two" '^dataVersion = 1$'
step set-with-version "set -v 1 -s $base/a three" '^dataVersion = 2$'
step set-with-old-version "set -v 1 $base/a four" 'version No is not valid'
step create-again "create $base/a" "Node already exists: $base/a"
step read-missing "get $base/nope" "Node does not exist: $base/nope"
step list-with-stat "ls -s $base" '\[a\]' '^cversion = 1$' '^numChildren = 1$'

step data-watch "get -w $base/a" '^three$'
step data-watch-fires "set $base/a four" "WatchedEvent state:SyncConnected type:NodeDataChanged path:$base/a\$"
step child-watch "ls -w $base" '\[a\]'
step child-watch-fires "create $base/b" "WatchedEvent state:SyncConnected type:NodeChildrenChanged path:$base\$"
step exists-watch "stat -w $base/b" '^dataLength = 0$'
step exists-watch-fires "delete $base/b" "WatchedEvent state:SyncConnected type:NodeDeleted path:$base/b\$"

step recursive-watch "addWatch -m PERSISTENT_RECURSIVE $base/tree"
step recursive-watch-creation "create $base/tree" "type:NodeCreated path:$base/tree\$"
step recursive-watch-descendant "create $base/tree/x 1" "type:NodeCreated path:$base/tree/x\$"
step recursive-watch-data "set $base/tree/x 2" "type:NodeDataChanged path:$base/tree/x\$"
step recursive-watch-persists "set $base/tree/x 3" "type:NodeDataChanged path:$base/tree/x\$"
step recursive-watch-deletion "delete $base/tree/x" "type:NodeDeleted path:$base/tree/x\$"

step sequential "create -s $base/s- x" "^Created $base/s-[0-9]{10}\$"
step container "create -c $base/c" "^Created $base/c\$"
step ephemeral "create -e $base/e mine" "^Created $base/e\$"
outside ephemeral-is-there "stat $base/e" 'ephemeralOwner = 0x[1-9a-f]'
step all-children "getAllChildrenNumber $base" '^[0-9]+$'
step ephemerals-of-session "getEphemerals $base" "$base/e"
step sync "sync $base" 'Sync is OK'
step whoami "whoami" 'ip: '

step auth "addauth digest user:secret"
step acl "create $base/acl mine auth::cdrwa" "^Created $base/acl\$"
step get-acl "getAcl $base/acl" "'digest,'user:[^ ]*" ': cdrwa'
step acl-owner "get $base/acl" '^mine$'
outside acl-stranger "get $base/acl" 'Insufficient permission|NoAuth'

step set-quota "setquota -n 1000 $base/tree"
step list-quota "listquota $base/tree" 'count=1000'
step del-quota "delquota -n $base/tree"

step delete-not-empty "delete $base" "Node not empty: $base"
step delete-protected "delete $base/acl" # the parent's ACL decides on that
step quit "quit"
wait "$pid" 2>/dev/null
outside ephemeral-vanished "stat $base/e" 'Node does not exist'
outside delete-all "deleteall $base" 'SyncConnected'
outside deleted "stat $base" 'Node does not exist'
