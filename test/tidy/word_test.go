package tidy

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// word is one that prose must not have, with what to write for it.
type word struct {
	pattern, instead string
	// but matches lines that may have it, "" for none.
	but string
}

// words: one word has one meaning, and a reader knows it from elsewhere. What cannot be told from
// a right use by its neighbors is not here.
var words = []word{
	{`(?i)\b(existing|old|older) extensions?\b`, "legacy client", ""},
	{`\b[Tt]he plan\b`, "the name of the document or product", ""},
	{`(?i)\bthis one replaces\b`, "the name of what is replaced", ""},
	{`(?i)\b(by|for|to|than|from) who\b`, "whoever, or a noun", ""},
	{`(?i)\banew\b`, "again, or a verb with re-", ""},
	{`(?i)\balone\b`, "only", `(?i)\b(leaves?|left)\b.*\balone\b|\b(is|are|be) alone\b`},
	{`(^|[.!?] )Where [^.:;,]*,`, "If or When", ""},
	{`\b[Ww]here (there (is|are|was|were)|nobody|nothing|none)\b`, "if", ""},
	{`\b(undefined|nil|[Ff]alse|missing|empty|0|none|"") where\b`, "if", ""},
	{`^[A-Za-z]\w* (says|tells) whether\b`, "reports whether", ""},
	{`(?i)\b(join|HTTP|101|404|503) answers?\b`, "reply of the room, response of HTTP", ""},
	{`(?i)\banswers (by |with )?[1-5][0-9]{2}\b`, "returns", ""},
	{`\b[Aa]nswer(s|ed) (by )?[A-Z]{3,}_[A-Z]+\b`, "reply", ""},
	// The W3C's answer is one to an offer.
	{`(?i)\b(an|the|its|each|every|no|last|first) answers?\b`, "reply of the room, response of HTTP",
		`(?i)offer|candidate|rtc|peer|sdp|mesh|seating|round|USER_JOINED|acknowledges`},
}

// skippedWords is where the words stand as data.
const skippedWords = "test/tidy/word_test.go"

// TestProseHasTheWordsOfTheProject: comments, documents, help, log lines and errors.
func TestProseHasTheWordsOfTheProject(t *testing.T) {
	patterns, exceptions := make([]*regexp.Regexp, len(words)), make([]*regexp.Regexp, len(words))
	for i, w := range words {
		patterns[i], exceptions[i] = regexp.MustCompile(w.pattern), regexp.MustCompile(`^\b$`)
		if w.but != "" {
			exceptions[i] = regexp.MustCompile(w.but)
		}
	}
	for _, f := range tree() {
		if f.path == skippedWords {
			continue
		}
		for _, p := range proseOf(f) {
			for i, w := range words {
				found := patterns[i].FindString(p.text)
				if found != "" && !exceptions[i].MatchString(p.text) {
					t.Errorf("%s:%d: %q: write %s", f.path, p.line, strings.TrimSpace(found), w.instead)
				}
			}
		}
	}
}

// prose is what a line of a file says to people.
type prose struct {
	line int
	text string
}

var (
	quoted      = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	slashed     = regexp.MustCompile(`(?:^|[^:])//\s*(.*)$`)
	starred     = regexp.MustCompile(`^\s*/?\*+/?\s?(.*)$`)
	sharp       = regexp.MustCompile(`(?:^|\s)#\s*(.*)$`)
	hasSlashes  = []string{".ts", ".tsx", ".js", ".mjs"}
	hasSharp    = []string{"", ".sh", ".toml", ".yaml", ".yml", ".txt", ".txtar"}
	isAllProse  = []string{".md", ".tmpl", ".html"}
	proseOfText = map[bool][]*regexp.Regexp{true: {slashed, starred}, false: {sharp}}
)

func proseOf(f *file) (all []prose) {
	if f.ast != nil {
		return proseOfGo(f)
	}
	kind := path.Ext(f.path)
	for n, line := range strings.Split(string(f.text), "\n") {
		switch {
		case slices.Contains(isAllProse, kind):
			all = append(all, prose{n + 1, line})
		case slices.Contains(hasSlashes, kind), slices.Contains(hasSharp, kind):
			isCode := slices.Contains(hasSlashes, kind)
			for _, comment := range proseOfText[isCode] {
				if found := comment.FindStringSubmatch(line); found != nil {
					all = append(all, prose{n + 1, found[1]})
				}
			}
			for _, text := range quoted.FindAllString(line, -1) {
				all = append(all, prose{n + 1, strings.Trim(text, "\"`")})
			}
		}
	}
	return all
}

// proseOfGo are the comments and the literal strings.
func proseOfGo(f *file) (all []prose) {
	add := func(pos token.Pos, text string) {
		for n, line := range strings.Split(text, "\n") {
			all = append(all, prose{positions.Position(pos).Line + n, strings.Trim(line, "/\"` \t")})
		}
	}
	for _, group := range f.ast.Comments {
		for _, comment := range group.List {
			add(comment.Pos(), comment.Text)
		}
	}
	ast.Inspect(f.ast, func(node ast.Node) bool {
		if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			add(literal.Pos(), literal.Value)
		}
		return true
	})
	return all
}
