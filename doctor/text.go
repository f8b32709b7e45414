package doctor

import (
	"strings"
	"unicode"
)

// maxQuotedRunes bounds what a finding repeats of what a server sent.
const maxQuotedRunes = 80

// printable is what a server sent as it may stand in a finding.
func printable(s string) string {
	runes := []rune(s)
	if len(runes) > maxQuotedRunes {
		runes = append(runes[:maxQuotedRunes], '…')
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, string(runes))
}
