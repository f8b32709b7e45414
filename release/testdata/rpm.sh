# Installs, upgrades and erases the rpm with rpm. It sources root.sh.
source "$3/root.sh"

# This machine's packages are dpkg's, so rpm finds none of what it asks for.
install() { rpm --nodeps "$@"; }
rm -rf /var/lib/rpm /root/.rpmdb
rpm --initdb
install -i /given/old.rpm
has /usr/bin/usher
getent passwd usher >/dev/null || fail 'no user'
usher config --config /etc/usher/usher.yaml | grep '^data: /var/lib/usher '
rpm -V --nodeps usher

echo '# An upgrade keeps what the administrator wrote.'
echo 'log-level: debug' >>/etc/usher/usher.yaml
mkdir -m 700 /var/lib/usher
echo rooms >/var/lib/usher/rooms.db
install -U /given/new.rpm
rpm -q --qf '%{VERSION}' usher | grep -q "^$4" || fail "not $4"
grep -q '^log-level: debug$' /etc/usher/usher.yaml || fail 'the settings are lost'
has /etc/usher/usher.yaml.rpmnew

echo '# Erasing it keeps the rooms; rpm knows no purge.'
rpm -e usher
lacks /usr/bin/usher
lacks /etc/usher/usher.yaml
has /etc/usher/usher.yaml.rpmsave
has /var/lib/usher/rooms.db
