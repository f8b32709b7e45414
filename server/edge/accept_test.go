package edge

import "testing"

// The room is the value of the last "roomId=" that begins a parameter.
func TestRoomIDOfAQuery(t *testing.T) {
	for query, want := range map[string]string{
		"roomId=GOOD":                          "GOOD",
		"roomId=GOOD&lastroomId=x":             "GOOD",
		"lastroomId=x&roomId=GOOD":             "GOOD",
		"roomId=OLD?roomId=NEW":                "NEW",
		"roomId=A?roomId=B?roomId=NEW":         "NEW",
		"roomId=OLD?roomId=NEW&lastroomId=x":   "NEW",
		"roomId=OLD&roomId=NEW":                "NEW",
		"a=1&roomId=GOOD&b=2":                  "GOOD",
		"roomId=GO%4fD":                        "GOOD",
		"lastroomId=x":                         "",
		"lastroomId=x?otherroomId=y":           "",
		"xroomId=GOOD":                         "",
		"roomId":                               "",
		"roomId=":                              "",
		"":                                     "",
		"roomId=%zz":                           "",
		"roomId=OLD&next=/ws?lastroomId=x":     "OLD",
		"roomId=GOOD&roomIdx=y&myroomId=z&r=1": "GOOD",
	} {
		if got := roomIDOf(query); got != want {
			t.Errorf("%s means %q", query, got)
		}
	}
}
