package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestOperateDocHasEverySetting compares the table of settings in docs/operate.md with the flags.
func TestOperateDocHasEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	parser, err := newParser(&cli{}, origins{}, &bytes.Buffer{}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := parser.Parse([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	group := ""
	for _, flag := range settingsOf(ctx.Selected()) {
		if flag.Group.Title != group {
			group = flag.Group.Title
			fmt.Fprintf(&want, "| **%s** | | |\n", group)
		}
		value, _ := plain(flag.Target.Interface())
		if list, ok := value.([]string); ok {
			value = strings.Join(list, ", ")
		}
		shown := fmt.Sprint(value)
		if shown != "" {
			shown = "`" + shown + "`"
		}
		help := strings.Replace(helpText(flag.Value), fmt.Sprintf(" (%v)", value), "", 1)
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", flag.Name, shown, help)
	}
	_, table, _ := strings.Cut(string(text), "| setting | default | what it is |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	if got := table + "\n"; got != want.String() {
		t.Errorf("docs/operate.md has the table\n%s\nwhich should be\n%s", got, want.String())
	}
}
