package main

import (
	"bytes"
	"fmt"
	"os"
)

// byteOrderMark is U+FEFF, which some editors write at the start of a file. It is not part of the
// text.
var byteOrderMark = []byte("\ufeff")

// counted is a number of something: 1 room, 2 rooms.
func counted(n any, one, many string) string {
	if number := fmt.Sprint(n); number != "1" {
		return number + " " + many
	}
	return "1 " + one
}

// readText reads a file of UTF-8 without its byte order mark.
func readText(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, &hinted{fmt.Errorf("%s is UTF-16", path), "save it as UTF-8"}
	}
	return bytes.TrimPrefix(data, byteOrderMark), nil
}
