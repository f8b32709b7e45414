package main

import (
	"bytes"
	"fmt"
	"os"
)

// byteOrderMark is U+FEFF, which some editors write at the start of a file. It is not part of the
// text.
var byteOrderMark = []byte("\ufeff")

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
