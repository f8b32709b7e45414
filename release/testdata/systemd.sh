# Boots systemd with the unit that the deb installs. It sources root.sh; what it prints is the test's
# output, and the last line is "passed".
source "$3/root.sh"

ip link set lo up
mount -t sysfs sysfs /sys
if [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ]; then
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
else
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
rm -f /usr/sbin/policy-rc.d # a container's may forbid to restart anything
dpkg -i /given/old.deb >/dev/null
rm -rf /etc/systemd/system/*.wants /etc/systemd/system/*.requires # of this machine
cat >/etc/systemd/system/test.target <<'unit'
[Unit]
DefaultDependencies=no
unit
mkdir /etc/systemd/system/usher.service.d
cat >/etc/systemd/system/usher.service.d/test.conf <<'unit'
[Service]
# A server that hangs is to be found within the patience of a test.
WatchdogSec=3
StandardOutput=file:/tmp/log
StandardError=file:/tmp/log
unit

cat >/tmp/conduct <<'script'
source /tmp/functions
trap 'tail -n 20 /tmp/log; systemctl exit 0' EXIT
until systemctl is-active -q test.target; do sleep 0.1; done

systemctl start usher || fail 'it does not start' # returns once usher has said that it is ready
usher health --config /etc/usher/usher.yaml
systemctl show -p StatusText --value usher | grep 'Serving on 127.0.0.1:8787'
[ "$(stat -c '%U %a' /var/lib/usher)" = 'usher 700' ] || fail 'its folder is not its own'
systemctl reload usher || fail 'it does not reload'
systemctl is-active usher

main() { systemctl show -p MainPID --value usher; }
taken() { grep -c 'msg="another process has taken over"' /tmp/log || :; }
echo '# A newer package lets its program take over.'
first=$(main)
since=$(systemctl show -p ActiveEnterTimestampMonotonic --value usher)
dpkg -i --force-confold /given/new.deb >/tmp/dpkg 2>&1 || fail "dpkg: $(cat /tmp/dpkg)"
[ "$(taken)" = 1 ] || fail "nothing has taken over: $(cat /tmp/dpkg)"
second=$(main)
[ "$second" != "$first" ] || fail 'systemd does not know'
grep -q "Process $second has taken over from $first" /tmp/dpkg || fail "dpkg: $(cat /tmp/dpkg)"
[ "$(systemctl show -p ActiveEnterTimestampMonotonic --value usher)" = "$since" ] || fail 'it was restarted'
usher health || fail 'it does not serve'
while [ -e "/proc/$first" ]; do sleep 0.1; done # systemd stays content without it
systemctl is-active usher
systemctl reload usher || fail 'the new process does not reload'

echo '# If that fails, or is not wanted, the unit is restarted.'
touch /etc/usher/restart-on-upgrade
dpkg -i --force-confold /given/new.deb >/tmp/dpkg 2>&1 || fail "dpkg: $(cat /tmp/dpkg)"
rm /etc/usher/restart-on-upgrade
third=$(main)
[ "$third" != "$second" ] || fail 'it was not restarted'
mkdir -p /run/systemd/system/usher.service.d
printf '[Service]\nEnvironment=USHER_DATA=/var/lib/usher/elsewhere\n' >/run/systemd/system/usher.service.d/data.conf
systemctl daemon-reload
systemctl restart usher
third=$(main)
dpkg -i --force-confold /given/new.deb >/tmp/dpkg 2>&1 || fail "dpkg: $(cat /tmp/dpkg)"
[ "$(main)" != "$third" ] || fail "it was not restarted: $(cat /tmp/dpkg)"
! grep -q 'has taken over' /tmp/dpkg || fail 'something has taken over'
rm /run/systemd/system/usher.service.d/data.conf
systemctl daemon-reload
systemctl restart usher
usher health

echo '# A server that hangs is restarted, also one that has taken over.'
usher upgrade --config /etc/usher/usher.yaml || fail 'it is not upgraded'
first=$(systemctl show -p MainPID --value usher)
kill -STOP "$first"
for _ in $(seq 300); do
    now=$(systemctl show -p MainPID --value usher)
    [ "$now" = "$first" ] || [ "$now" = 0 ] || break
    sleep 0.1
done
[ "$(systemctl show -p NRestarts --value usher)" = 1 ] || fail 'the watchdog has not restarted it'
for _ in $(seq 100); do usher health >/dev/null 2>&1 && break; sleep 0.1; done
usher health || fail 'it does not serve again'

systemctl stop usher || fail 'it does not stop'
[ "$(systemctl show -p Result --value usher)" = success ] || fail 'it failed as it stopped'
grep -q 'msg=drained' /tmp/log || fail 'it did not drain'

echo '# The socket unit starts it when somebody comes.'
systemctl start usher.socket
[ "$(systemctl is-active usher)" = inactive ] || fail 'it runs already'
usher health --listen :8787 --timeout 30s || fail 'it does not serve on the socket'
systemctl is-active usher
systemctl show -p StatusText --value usher | grep -F '[::]:8787'
echo passed
script
declare -f fail >/tmp/functions
(bash /tmp/conduct 2>&1 || :) &
export container=other
exec /lib/systemd/systemd --system --unit=test.target --log-target=null --show-status=no
