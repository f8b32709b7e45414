package tidy

import (
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxProseColumns is the widest line of a Markdown file's prose.
const maxProseColumns = 100

// TestMarkdownIsWrapped: a diff of wrapped prose shows the sentence that changed. A table's row,
// code and a line without a place to break it are as wide as they must be.
func TestMarkdownIsWrapped(t *testing.T) {
	for _, f := range tree() {
		if path.Ext(f.path) != ".md" {
			continue
		}
		fenced := false
		for i, line := range strings.Split(string(f.text), "\n") {
			text := strings.TrimSpace(line)
			if strings.HasPrefix(text, "```") {
				fenced = !fenced
			}
			isCode := fenced || strings.HasPrefix(line, "    ")
			isTable := strings.HasPrefix(text, "|")
			isPicture := strings.HasPrefix(text, "![")
			if isCode || isTable || isPicture || utf8.RuneCountInString(line) <= maxProseColumns {
				continue
			}
			t.Errorf("%s:%d has %d columns; wrap it at %d", f.path, i+1, utf8.RuneCountInString(line), maxProseColumns)
		}
	}
}

// maxCommentColumns is the widest line of code that holds a comment; a tab counts as four columns.
const maxCommentColumns = 100

// TestScriptsAreWrapped: the same holds for the lines of a script that are comments only.
func TestScriptsAreWrapped(t *testing.T) {
	for _, f := range tree() {
		if path.Ext(f.path) != "" {
			continue
		}
		for i, line := range strings.Split(string(f.text), "\n") {
			columns := utf8.RuneCountInString(line)
			if strings.HasPrefix(strings.TrimSpace(line), "#") && columns > maxCommentColumns {
				t.Errorf("%s:%d has %d columns; wrap the comment at %d", f.path, i+1, columns, maxCommentColumns)
			}
		}
	}
}

// noted is a line of TypeScript that holds a comment.
var noted = regexp.MustCompile(`^\s*(//|\*|/\*)|[;,{})\]] // `)

// TestTypeScriptCommentsAreWrapped: as those of Go below.
func TestTypeScriptCommentsAreWrapped(t *testing.T) {
	for _, f := range tree() {
		if ext := path.Ext(f.path); ext != ".ts" && ext != ".tsx" {
			continue
		}
		for i, line := range strings.Split(string(f.text), "\n") {
			columns := utf8.RuneCountInString(line)
			if columns > maxCommentColumns && noted.MatchString(line) && !strings.Contains(line, "://") {
				t.Errorf("%s:%d has %d columns; wrap the comment at %d", f.path, i+1, columns, maxCommentColumns)
			}
		}
	}
}

// TestCommentsAreWrapped: a comment is prose, and is read beside the code. An address may stand
// longer, because it cannot be broken.
func TestCommentsAreWrapped(t *testing.T) {
	for _, f := range goFiles("") {
		lines := strings.Split(string(f.text), "\n")
		for _, group := range f.ast.Comments {
			first, last := positions.Position(group.Pos()).Line, positions.Position(group.End()).Line
			for n := first; n <= last; n++ {
				line := strings.ReplaceAll(lines[n-1], "\t", "    ")
				columns := utf8.RuneCountInString(line)
				if columns > maxCommentColumns && !strings.Contains(line, "://") {
					t.Errorf("%s:%d has %d columns; wrap the comment at %d", f.path, n, columns, maxCommentColumns)
				}
			}
		}
	}
}
