# Guards one throw-away cluster: sh -c THIS name DIRECTORY BINARIES
#
# Standard input carries commands, one per line; its end means that the owner is gone, however it
# died. Standard output carries reports: `done CODE`, `started PID`, `ended CODE`. Standard error
# is the cluster's log, and the lock on that file (taken by the owner, held through this
# descriptor) tells other processes that somebody still lives here.

# Ctrl-C and a closing terminal are for the owner to handle; a report that nobody reads any more
# must not end this shell before it has cleaned up.
trap '' INT TERM HUP PIPE

directory=$1
binaries=$2
PATH=${PATH:+$PATH:}/usr/bin:/bin
LC_ALL=C
export PATH LC_ALL
unset PGDATA PGPORT PGDATESTYLE PGTZ PGCLIENTENCODING PGOPTIONS
umask 077

nap() {
    sleep 0.05 2>/dev/null || sleep 1
}

# Runs the server in a subshell that waits for it, so that this shell can go on reading. The pid
# comes through a fifo: from here on there is no moment in which a server runs and is not known.
# `ended` exists while no server of ours runs; without it a kill could hit a recycled pid.
launch() {
    rm -f "$directory/ended"
    (
        "$binaries/postgres" -D "$directory/data" \
            -c "config_file=$directory/postgresql.conf" \
            -c "hba_file=$directory/pg_hba.conf" </dev/null >&2 &
        echo "started $!"
        echo "$!" >"$directory/fifo"
        wait "$!"
        code=$?
        : >"$directory/ended"
        echo "ended $code"
    ) &
    read -r server <"$directory/fifo"
}

: >"$directory/ended"
server=
mkfifo "$directory/fifo" || exit 1

while read -r command argument port; do
    case $command in
    initdb)
        "$binaries/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C -N \
            --wal-segsize=1 </dev/null >&2
        echo "done $?"
        ;;
    copy)
        cp -Rp "$argument" "$directory/data" </dev/null >&2
        echo "done $?"
        ;;
    backup)
        "$binaries/pg_basebackup" -D "$directory/data" -h "$argument" -p "$port" -U postgres -w \
            -X stream -c fast --no-sync --write-recovery-conf </dev/null >&2
        echo "done $?"
        ;;
    start)
        launch
        ;;
    signal)
        [ -e "$directory/ended" ] || kill -s "$argument" "$server"
        ;;
    esac
done

# The owner is gone, or wants to be. Asked more than once, because a server that was started a
# moment ago does not listen to SIGQUIT yet. After 10 seconds it is not asked any more.
attempts=0
until [ -e "$directory/ended" ]; do
    if [ "$attempts" -lt 200 ]; then
        kill -s QUIT "$server" || break
    else
        kill -s KILL "$server" || break
    fi
    attempts=$((attempts + 1))
    nap
done
wait

# A server that was killed outright leaves its pid file and its interlock in System V shared
# memory (seventh line: key and id), which nothing else would ever remove.
segment=$(sed -n 7p "$directory/data/postmaster.pid" 2>/dev/null)
[ -z "$segment" ] || ipcrm -m "${segment##* }" 2>/dev/null

# Backends orphaned in a long query may still write; without their files they end.
attempts=0
until rm -rf "$directory" 2>/dev/null; do
    attempts=$((attempts + 1))
    [ "$attempts" -lt 200 ] || break
    nap
done
