package main

import (
	"fmt"
	"strings"

	"usher/protocol"
)

// The patterns of ids, asked from the functions that check them.

func roomIDPattern() string {
	allowed := class(func(c string) bool { return protocol.ValidRoomID(strings.Repeat(c, protocol.MinRoomIDBytes)) })
	return fmt.Sprintf("^[%s]{%d,%d}$", allowed, protocol.MinRoomIDBytes, protocol.MaxRoomIDBytes)
}

func userIDPattern() string {
	return fmt.Sprintf("^[%s]{1,%d}$", class(func(c string) bool { return protocol.ValidUserID(c) }), protocol.MaxUserIDBytes)
}

func refPattern() string {
	return fmt.Sprintf("^[%s]{1,%d}$", class(func(c string) bool { return protocol.ValidRef(c) }), protocol.MaxRefBytes)
}

// reservedUserIDPattern matches what ReservedUserID refuses, in lower case.
func reservedUserIDPattern() string {
	around := class(func(c string) bool {
		return protocol.ValidUserID(c) && protocol.ReservedUserID([]byte(c+protocol.SystemUserID+c))
	})
	return fmt.Sprintf("^[%s]*(?:%s)[%[1]s]*$", around, strings.Join(protocol.ServerUserIDs, "|"))
}

// anyCase makes a pattern of lower-case letters one that takes either case.
func anyCase(pattern string) string {
	var b strings.Builder
	for _, c := range pattern {
		if c >= 'a' && c <= 'z' {
			fmt.Fprintf(&b, "[%c%c]", c, c-'a'+'A')
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// urlPattern allows no control characters, like the decoder.
const urlPattern = `^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\ud800-\udfff]*$`

// class is the inside of a regular expression's [ ]: the characters that are allowed, runs first, a
// hyphen last.
func class(allows func(string) bool) string {
	set, hyphen := "", ""
	for c := byte(' '); c < 0x7f; c++ {
		switch {
		case !allows(string(c)):
		case c == '-':
			hyphen = "-"
		default:
			set += string(c)
		}
	}
	runs := ""
	for _, run := range []string{"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789"} {
		if rest := strings.Replace(set, run, "", 1); rest != set {
			set, runs = rest, runs+run[:1]+"-"+run[len(run)-1:]
		}
	}
	return runs + set + hyphen
}
