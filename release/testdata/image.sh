# Starts the unpacked image in $1, whose files have the owners of the image. It prints "passed" last.
# The environment is the image's, and ENGINE_PATH that of this script.
set -euo pipefail
export PATH=$ENGINE_PATH
unset ENGINE_PATH

fail() {
    echo "error: $*" >&2
    exit 1
}
mount --make-rprivate /
ip link set lo up
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -o remount,bind,ro "$1"
mount -t tmpfs -o uid=65532,gid=65532,mode=700 tmpfs "$1/var/lib/usher" # the volume

# As the image's user, so without any capability.
run=(unshare --root="$1" --setuid=65532 --setgid=65532)

"${run[@]}" /usr/bin/usher serve >"$1/var/lib/usher/log" 2>&1 &
server=$!
for _ in $(seq 300); do
    "${run[@]}" /usr/bin/usher health >/dev/null 2>&1 && break
    sleep 0.1
done
"${run[@]}" /usr/bin/usher health || fail "it does not serve: $(cat "$1/var/lib/usher/log")"
status=$1/proc/$server/status
grep -q '^Uid:[[:space:]]*65532' "$status" || fail 'it is not the image'"'"'s user'
[ -e "$1/var/lib/usher/rooms.db" ] || fail 'it keeps no rooms in the volume'
! touch "$1/etc/x" 2>/dev/null || fail 'the root can be written to'
kill -TERM "$server"
wait "$server" || fail "it ended with $?: $(cat "$1/var/lib/usher/log")"
grep -q msg=drained "$1/var/lib/usher/log" || fail 'it did not drain'
echo passed
