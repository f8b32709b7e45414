# Sourced in new namespaces: makes a copy of this machine's files that may be changed, and goes into
# it. What is changed is kept in memory and is gone with the namespaces. $1 is an empty folder, and
# $2 one whose files are in /given of the copy.
set -euo pipefail
mount --make-rprivate /
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
mkdir -p "$1/root/given" "$1/root/.old"
mount --bind "$2" "$1/root/given"
cd "$1/root"
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
# Not chroot: a process in one may not make user namespaces, and the unit's sandbox has one.
pivot_root . .old
cd /
umount -l /.old
rm -f /var/lib/man-db/auto-update # indexing all manual pages takes longer than the test
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
unset TMPDIR

fail() {
    echo "error: $*" >&2
    exit 1
}
has() { [ -e "$1" ] || fail "there is no $1"; }
lacks() { [ ! -e "$1" ] || fail "there is a $1"; }
