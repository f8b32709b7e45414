package main

import (
	"io"
	"os"
)

// style writes bold and dim text on a terminal, and plain text elsewhere or if NO_COLOR is set
// (https://no-color.org).
type style struct{ terminal, colored bool }

func styleFor(out io.Writer) style {
	file, ok := out.(*os.File)
	if !ok {
		return style{}
	}
	info, err := file.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return style{terminal, terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (s style) bold(text string) string { return s.wrap("1", text) }
func (s style) dim(text string) string  { return s.wrap("2", text) }

func (s style) wrap(code, text string) string {
	if !s.colored || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
