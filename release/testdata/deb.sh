# Installs, upgrades, removes and purges the deb with dpkg. It sources root.sh.
source "$3/root.sh"

dpkg -i /given/old.deb
has /usr/bin/usher
[ "$(dpkg-query -W -f '${Status}' usher)" = 'install ok installed' ] || fail 'not installed'
getent passwd usher | grep -q ':/var/lib/usher:/usr/sbin/nologin$' || fail 'no user'
systemctl is-enabled usher.service || fail 'not enabled'
! systemctl is-enabled usher.socket || fail 'the socket is enabled'
usher config --config /etc/usher/usher.yaml | grep '^data: /var/lib/usher '
man -w usher usher.yaml
dpkg --verify usher

echo '# An upgrade keeps what the administrator wrote, and whether the unit is enabled.'
echo 'log-level: debug' >>/etc/usher/usher.yaml
systemctl disable usher.service
mkdir -m 700 /var/lib/usher
echo rooms >/var/lib/usher/rooms.db
dpkg -i --force-confdef /given/new.deb
[ "$(dpkg-query -W -f '${Version}' usher)" = "$4" ] || fail "not $4"
grep -q '^log-level: debug$' /etc/usher/usher.yaml || fail 'the settings are lost'
! systemctl is-enabled usher.service || fail 'enabled again'
has /var/lib/usher/rooms.db

echo '# The new settings that a release ships lie beside the old ones.'
has /etc/usher/usher.yaml.dpkg-dist

echo '# A removal keeps settings and rooms, a purge removes them.'
dpkg -r usher
lacks /usr/bin/usher
lacks /usr/lib/systemd/system/usher.service
has /etc/usher/usher.yaml
has /var/lib/usher/rooms.db
dpkg -P usher
lacks /etc/usher
lacks /var/lib/usher
left=$(find /etc /usr/bin /usr/lib/systemd /usr/lib/sysusers.d /var/lib/systemd /usr/share -name 'usher*' -o -name _usher)
[ -z "$left" ] || fail "left: $left"
! dpkg -s usher 2>/dev/null || fail 'dpkg still knows it'

echo '# It can come back.'
dpkg -i /given/new.deb
has /etc/usher/usher.yaml
