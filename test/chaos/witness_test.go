package chaos

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// witnessed is a complete room of which three changes of each name were asked and the second ones
// were shown to everybody, and what is reported of it.
func witnessed() (*room, *[]string) {
	var reports []string
	r := &room{id: "room", violation: func(format string, args ...any) {
		reports = append(reports, fmt.Sprintf(format, args...))
	}}
	for i := range r.people {
		r.people[i] = &person{room: r, index: i, id: r.user(i)}
	}
	r.asked = numbers{3, 3, 3, 3}
	for _, p := range r.people {
		r.look(p, "ROOM_JOINED", shown(r, 2, 2, 2, 2), numbers{})
	}
	return r, &reports
}

// shown is the state of a complete room with these numbers.
func shown(r *room, of ...int) *roomState {
	s := &roomState{Name: numbered(of[roomName]), HostID: r.user(0)}
	for i, role := range r.roles() {
		s.Users = append(s.Users, userState{r.user(i), numbered(of[i]), role, true})
	}
	return s
}

func TestWitnessReportsWhatMustNotBe(t *testing.T) {
	for _, c := range []struct {
		name, want string
		does       func(r *room, p *person)
	}{
		{"the same again", "", func(r *room, p *person) { r.look(p, "", shown(r, 2, 2, 2, 2), numbers{2, 2, 2, 2}) }},
		{"a newer one", "", func(r *room, p *person) { r.look(p, "", shown(r, 2, 2, 2, 3), numbers{}) }},
		{"an older room name", "an older owner", func(r *room, p *person) { r.look(p, "", shown(r, 2, 2, 2, 1), numbers{}) }},
		{"an older user name", "an older owner", func(r *room, p *person) { r.look(p, "", shown(r, 2, 1, 2, 2), numbers{}) }},
		{"less than others were shown", "was shown before", func(r *room, p *person) { r.look(p, "", shown(r, 2, 2, 2, 2), numbers{2, 2, 2, 3}) }},
		{"a name of nobody", "were asked for", func(r *room, p *person) { r.look(p, "", shown(r, 4, 2, 2, 2), numbers{}) }},
		{"another host", `"user-1" as host`, func(r *room, p *person) {
			s := shown(r, 2, 2, 2, 2)
			s.HostID = r.user(1)
			r.look(p, "", s, numbers{})
		}},
		{"another role", `as "GUEST" instead of COHOST`, func(r *room, p *person) {
			s := shown(r, 2, 2, 2, 2)
			s.Users[1].Role = "GUEST"
			r.look(p, "", s, numbers{})
		}},
		{"a seat fewer", `as "" instead of GUEST`, func(r *room, p *person) {
			s := shown(r, 2, 2, 2, 2)
			s.Users = s.Users[:2]
			r.look(p, "", s, numbers{})
		}},
	} {
		r, reports := witnessed()
		c.does(r, r.people[0])
		if got := strings.Join(*reports, "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: reported %q", c.name, got)
		}
	}
}

func TestWitnessReportsWhatTheStreamLacks(t *testing.T) {
	for _, c := range []struct {
		name, want string
		changes    func(s *roomState)
	}{
		{"what was shown", "", func(*roomState) {}},
		{"what was asked for", "", func(s *roomState) { s.Name = numbered(3) }},
		{"less than was shown", "2 was shown", func(s *roomState) { s.Name = numbered(1) }},
		{"what nobody asked for", "3 asked for", func(s *roomState) { s.Users[1].Name = numbered(4) }},
		{"another host", `the host "user-1"`, func(s *roomState) { s.HostID = "user-1" }},
		{"a seat fewer", `the roles ["HOST" "COHOST" ""]`, func(s *roomState) { s.Users = s.Users[:2] }},
	} {
		r, reports := witnessed()
		s := shown(r, 2, 2, 2, 2)
		c.changes(s)
		r.lookInStream(s)
		if got := strings.Join(*reports, "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: reported %q", c.name, got)
		}
	}
}

func TestWitnessReportsHolesAmongRelays(t *testing.T) {
	type frames []position
	for _, c := range []struct {
		name   string
		frames frames
		wrong  bool
	}{
		{"in order", frames{{1, 1, 7}, {1, 1, 8}}, false},
		{"one's own next socket", frames{{1, 1, 7}, {1, 2, 9}}, false},
		{"the sender's next socket", frames{{1, 1, 7}, {2, 1, 1}}, false},
		{"one left out", frames{{1, 1, 7}, {1, 1, 9}}, true},
		{"twice", frames{{1, 1, 7}, {1, 1, 7}}, true},
		{"the sender's last socket", frames{{2, 1, 1}, {1, 1, 8}}, true},
	} {
		r, reports := witnessed()
		for _, f := range c.frames {
			r.people[0].visits = f.own
			r.people[0].relayed(1, &candidate{Socket: f.theirs, Number: f.number})
		}
		if (len(*reports) > 0) != c.wrong {
			t.Errorf("%s: reported %q", c.name, *reports)
		}
	}
}

func TestWitnessReportsWhatPassesALostSeat(t *testing.T) {
	for _, c := range []struct {
		name           string
		away           int
		joining, frame int // in seconds since the sockets were seated
		wrong          bool
	}{
		{"the sender's, before it was shown", 1, 1, 1, false},
		{"the sender's", 1, 1, 3, true},
		{"the receiver's", 0, 1, 3, true},
		{"somebody else's", 2, 1, 3, false},
		{"a socket seated after the join was sent", 1, -1, 3, false},
	} {
		r, reports := witnessed()
		for _, p := range r.people {
			r.seat(p)
		}
		after := func(seconds int) time.Time { return time.Now().Add(time.Duration(seconds) * time.Second) }
		s := shown(r, 2, 2, 2, 2)
		s.Users[c.away].IsConnected = false
		r.markAway(s, after(c.joining), after(2))
		r.people[0].relayed(1, &candidate{Socket: 1, Number: 1, At: after(c.frame).UnixNano()})
		if (len(*reports) > 0) != c.wrong {
			t.Errorf("%s: reported %q", c.name, *reports)
		}
	}
}

func TestSilenceIsTheLongestTimeBetweenReplies(t *testing.T) {
	r, _ := witnessed()
	at := time.Now()
	r.mark(at)
	for _, s := range []int{1, 4, 5} {
		r.replied(at.Add(time.Duration(s) * time.Second))
	}
	if got := r.silence(at.Add(6 * time.Second)); got != 3*time.Second {
		t.Error(got)
	}
	if got := r.silence(at.Add(10 * time.Second)); got != 5*time.Second {
		t.Error(got)
	}
}
