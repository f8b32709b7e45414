package flight

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"

	"usher/protocol"
)

// byName writes roles, modes and entries by their names, and reads them.
var byName = json.JoinOptions(
	json.WithMarshalers(json.JoinMarshalers(name[protocol.Role](), name[protocol.ControlMode](), name[protocol.Entry]())),
	json.WithUnmarshalers(json.JoinUnmarshalers(
		named(protocol.Guest, protocol.Viewer, protocol.Cohost, protocol.Host),
		named(protocol.HostOnly, protocol.FreeForAll),
		named(protocol.EntryOpen, protocol.EntryKnock, protocol.EntryLocked),
	)),
)

func name[T fmt.Stringer]() *json.Marshalers {
	return json.MarshalFunc(func(value T) ([]byte, error) { return []byte(`"` + value.String() + `"`), nil })
}

func named[T fmt.Stringer](known ...T) *json.Unmarshalers {
	return json.UnmarshalFunc(func(text []byte, value *T) error {
		name := strings.Trim(string(text), `"`)
		for _, v := range known {
			if v.String() == name {
				*value = v
				return nil
			}
		}
		return fmt.Errorf("flight: no such value: %.64s", name)
	})
}
