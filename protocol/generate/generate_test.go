package main

import "testing"

func TestCommentsBecomeSentences(t *testing.T) {
	for _, test := range []struct{ name, comment, want string }{
		{"User", "User is one participant.", "One participant."},
		{"Base", "Base has what all have.", "What all have."},
		{"LeaveRoomMessage", "LeaveRoomMessage ends the seat.", "Ends the seat."},
		{"Code", "The codes.", "The codes."},
		{"Code", "", ""},
	} {
		if got := sentence(test.name, test.comment); got != test.want {
			t.Errorf("%q of %s becomes %q, want %q", test.comment, test.name, got, test.want)
		}
	}
	fields := map[string]string{"LastUpdated": "lastUpdated", "Time": "time"}
	if got := onWire("where it was at LastUpdated. Time is money, RoomState is not.", fields); got != "where it was at `lastUpdated`. Time is money, RoomState is not." {
		t.Error(got)
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for got, want := range map[string]string{
		number(7): "7", number(4000): "4 000", number(int64(1234567)): "1 234 567", size(64 << 10): "64 KiB", size(4 << 20): "4 MiB", size(1000): "1 000 bytes",
		duration(40_000): "40 s", duration(12 * 3_600_000): "12 h", duration(1_500): "1.5 s",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The patterns must accept exactly what the functions accept.
func TestPatterns(t *testing.T) {
	if roomIDPattern() != "^[A-Za-z0-9_-]{6,50}$" || userIDPattern() != "^[A-Za-z0-9.:_-]{1,64}$" || refPattern() != "^[A-Za-z0-9_-]{1,36}$" ||
		reservedUserIDPattern() != "^[.:_-]*(?:system|server|usher)[.:_-]*$" || anyCase("^[:]*(?:ab|c)") != "^[:]*(?:[aA][bB]|[cC])" {
		t.Error(roomIDPattern(), userIDPattern(), refPattern(), reservedUserIDPattern(), anyCase("^[:]*(?:ab|c)"))
	}
}

func TestTablesAreMarkdown(t *testing.T) {
	want := "| a | b |\n|---|---|\n| 1 | |\n| | 2 |"
	if got := table([][]string{{"a", "b"}, {"1", ""}, {"", "2"}}); got != want {
		t.Errorf("got\n%s", got)
	}
}
