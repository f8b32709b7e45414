package protocol

import (
	"strings"
	"testing"
	"unicode"
)

func TestNamesAreTrimmedAndBounded(t *testing.T) {
	for _, test := range []struct {
		name string
		max  int
		want string
		ok   bool
	}{
		{"Ann", 3, "Ann", true}, {" Ann\t", 3, "Ann", true}, {"Anna", 3, "Anna", false}, {"", 3, "", false}, {" \u00a0 ", 3, "", false},
		{"😀", 2, "😀", true}, {"😀", 1, "😀", false}, {"a\nb", 9, "", false}, {"a\u0085b", 9, "", false}, {"a\u2028b", 9, "", false}, {"é", 1, "é", true},
	} {
		if got, ok := TrimName(test.name, test.max); ok != test.ok || ok && got != test.want {
			t.Errorf("TrimName(%q, %d) is %q, %v", test.name, test.max, got, ok)
		}
	}
	if CutName("a😀b", 2) != "a" || CutName("a😀b", 3) != "a😀" || CutName("ab", 5) != "ab" {
		t.Error("CutName cuts at the wrong place")
	}
}

func TestNamesInEveryScriptAreTaken(t *testing.T) {
	for _, name := range []string{
		"Zoë", "O'Neil", "...", "¿?", "李小龙", "さくら", "김철수", "Ἀθηνᾶ", "Ольга", "ⵜⵉⴼ",
		"می\u200cخواهم", "שָׁלוֹם", "\u200fשלום\u200f", "\u200eAnn", "عَبْدُ الله", "สวัสดี", "नमस्ते", "क्\u200dष", "தமிழ்", "မြန်မာ", "ខ្មែរ",
		"é", "e\u0301", "Ann\u200b", "\ufeffAnn", "\u00adAnn", "ᄀ\u1160", "葛\U000e0100",
		"👩\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "🇩🇪", "1\ufe0f\u20e3", "#\u20e3", "❤\ufe0f", "👍🏽", "🏽", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
		"\ufffd", "\ufffc", "\ue000", "\u0600",
	} {
		if got, ok := TrimName(name, MaxJoinNameUnits); !ok || got != name {
			t.Errorf("TrimName(%+q) is %+q, %v", name, got, ok)
		}
	}
}

func TestNamesThatMisleadAreRefused(t *testing.T) {
	for what, names := range map[string][]string{
		"displays nothing": {
			"\u200b", "\u200c", "\u200d", "\u200e", "\u200f", "\u3164", "\u115f", "\u1160", "\uffa0", "\u2800", "\u00ad", "\u034f", "\u061c", "\u180e", "\u17b4",
			"\u2060", "\u2061", "\u2064", "\u206a", "\ufeff", "\ufff9", "\ufe0f", "\U000e0100", "\U000e0041\U000e007f", "\U0001d159", "\U0001d173", "\U0001bca0", "\U00016fe4", "\U00013430",
			"\u200b \u3164\u00a0\u2800", "\u2003\u200b\u3000", "\u2800 \u2800", "\u200d\ufe0f",
		},
		"has combining marks only": {"\u0301", "\u0300\u0301\u20dd", "\u20e3", "\u05b8", "\u0e31", "\u094d", "\u093e", "\u0301\u200d\u0301", "\ufe0f\u20e3"},
		"reorders the text around it": {
			"Ann\u202a", "Ann\u202b", "Ann\u202cx", "Ann\u202d", "\u202eAnn", "\u2066Ann", "\u2067Ann", "An\u2068n", "Ann\u2069", "\u202e",
		},
		"has control characters": {"a\x00", "a\x1bb", "a\x7fb", "a\u0080b", "a\u009fb", "a\u2029b"},
		"is not UTF-8":           {"a\xff", "\xed\xa0\x80", "a\xc0\xaf", "😀"[:3]},
	} {
		for _, name := range names {
			if got, ok := TrimName(name, MaxJoinNameUnits); ok {
				t.Errorf("TrimName(%+q) is %+q, and it %s", name, got, what)
			}
		}
	}
}

// What Unicode calls ignorable or a format character displays nothing, but for the signs that
// enclose the digits after them.
func TestBlankHasWhatUnicodeIgnores(t *testing.T) {
	signs := "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
	for r := rune(0); r <= unicode.MaxRune; r++ {
		ignored := unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector, unicode.M, unicode.White_Space) && !strings.ContainsRune(signs, r)
		listed := r == 0x2800 || r == 0x1d159 || r >= 0xfff0 && r <= 0xfffb || r >= 0xe0000 && r <= 0xe0fff
		if !isControl(r) && displays(r) == (ignored || listed) {
			t.Errorf("%U displays: %v", r, displays(r))
		}
	}
	for i, b := range blank {
		if b.first > b.last || i > 0 && b.first <= blank[i-1].last {
			t.Errorf("%U to %U is out of order", b.first, b.last)
		}
	}
}

func TestIDs(t *testing.T) {
	if ValidRoomID("room1") || !ValidRoomID("room-1") || ValidRoomID("room.1") || ValidRoomID(strings.Repeat("x", 51)) || ValidUserID("") || !ValidUserID("a.b:c") {
		t.Error("ids")
	}
	for id, want := range map[string]bool{
		"system": true, "System": true, "SYSTEM": true, "_system_": true, "system.": true, "::sysTem--": true, "server": true, "Server.": true, "usher": true, "-USHER": true,
		"system-1": false, "systems": false, "sys.tem": false, "user-1764000000000-a1b2c3d4e": false, "ann": false, "_": false, "": false, "myserver": false, "usher.example": false,
	} {
		if got := ReservedUserID([]byte(id)); got != want {
			t.Errorf("ReservedUserID(%q) is %v", id, got)
		}
	}
}
