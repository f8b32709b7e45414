package room_test

import (
	"fmt"
	"strings"
	"testing"

	"usher/protocol"
	"usher/room/roomtest"
)

// TestTheOldestBanIsLifted if there are too many, so that a host can always ban one more.
func TestTheOldestBanIsLifted(t *testing.T) {
	name := func(i int) string { return string([]byte{byte('a' + i/26), byte('a' + i%26)}) }
	var text strings.Builder
	text.WriteString("open host\nhost > CREATE_ROOM protocol=1\n")
	for i := range protocol.MaxBans + 1 {
		fmt.Fprintf(&text, "wait 1s\nopen %s\n%[1]s > JOIN_ROOM protocol=1\nhost > KICK_USER to=%[1]s ban=true\n", name(i))
	}
	for _, i := range []int{0, 1} {
		fmt.Fprintf(&text, "open %s\n%[1]s > JOIN_ROOM protocol=1\n", name(i))
	}
	text.WriteString("----\n")
	for what, rewrite := range map[string]func(string) (string, error){"in memory": roomtest.Rewrite, "evicted after every step": roomtest.RewriteEvicting} {
		got, err := rewrite(text.String())
		if err != nil {
			t.Fatal(err)
		}
		_, got, _ = strings.Cut(got, name(protocol.MaxBans)+" x 4005")
		if !strings.Contains(got, name(0)+" < ROOM_JOINED") || !strings.Contains(got, name(1)+" refused BANNED") {
			t.Errorf("%s: after %d bans:\n%s", what, protocol.MaxBans+1, got)
		}
	}
}
