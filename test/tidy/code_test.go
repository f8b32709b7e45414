package tidy

import (
	"go/ast"
	"path"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"usher/protocol"
)

// transcripts are the specification of the rules, each a file of events and effects.
const transcripts = "room/testdata"

// TestEveryCodeIsProvoked: a refusal that no test provokes is one that nobody knows to work.
func TestEveryCodeIsProvoked(t *testing.T) {
	names := codeNames()
	if len(names) != len(protocol.Codes) {
		t.Fatalf("protocol declares %d codes and its table has %d", len(names), len(protocol.Codes))
	}
	var texts []string
	for _, f := range tree() {
		if f.folder() == transcripts && path.Ext(f.path) == ".txt" || (f.folder() == "server" || f.folder() == "server/api") && f.isTest() || f.folder() == "worker/test" {
			texts = append(texts, string(f.text))
		}
	}
	all := strings.Join(texts, "\n")
	for _, row := range protocol.Codes {
		if !hasWord(all, string(row.Code)) && !hasWord(all, "protocol."+names[row.Code]) {
			t.Errorf("%s (protocol.%s) is in no transcript of %s and in no test of a shell: provoke it, in a transcript first", row.Code, names[row.Code], transcripts)
		}
	}
}

// TestEveryMessageIsInATranscript: a transcript is what every shell replays.
func TestEveryMessageIsInATranscript(t *testing.T) {
	var texts strings.Builder
	for _, f := range tree() {
		if f.folder() == transcripts && path.Ext(f.path) == ".txt" {
			texts.Write(f.text)
		}
	}
	for messageType := protocol.Type(1); messageType < protocol.Types; messageType++ {
		if !hasWord(texts.String(), messageType.String()) {
			t.Errorf("%s is in no transcript of %s: write one for its rule", messageType, transcripts)
		}
	}
}

// codeNames are the names of the constants of protocol, by code.
func codeNames() map[protocol.Code]string {
	names := map[protocol.Code]string{}
	for _, f := range goFiles("protocol") {
		if f.isTest() {
			continue
		}
		ast.Inspect(f.ast, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			kind, _ := spec.Type.(*ast.Ident)
			value, _ := spec.Values[0].(*ast.BasicLit)
			if kind != nil && kind.Name == "Code" && value != nil {
				code, _ := strconv.Unquote(value.Value)
				names[protocol.Code(code)] = spec.Names[0].Name
			}
			return false
		})
	}
	return names
}

// hasWord reports whether a word is in a text, not as a part of a longer one.
func hasWord(text, word string) bool {
	for at := 0; ; {
		next := strings.Index(text[at:], word)
		if next < 0 {
			return false
		}
		begin := at + next
		end := begin + len(word)
		last, _ := utf8.DecodeLastRuneInString(text[:begin])
		first, _ := utf8.DecodeRuneInString(text[end:])
		if !isOfWord(last) && !isOfWord(first) {
			return true
		}
		at = end
	}
}

func isOfWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// TestEveryTranscriptNamesItsRule: what happens is below; what must happen is in the first line.
func TestEveryTranscriptNamesItsRule(t *testing.T) {
	for _, folder := range pure {
		found := false
		for _, f := range tree() {
			if f.folder() != folder+"/testdata" || path.Ext(f.path) != ".txt" {
				continue
			}
			found = true
			if rule, ok := strings.CutPrefix(string(f.text), "# "); !ok || strings.HasPrefix(rule, "\n") {
				t.Errorf("%s does not begin with a line `# …` that states its rule", f.path)
			}
		}
		if !found {
			t.Errorf("no transcripts in %s/testdata", folder)
		}
	}
}

// TestEveryCodeIsDocumented: clients branch on codes, and their authors read only the document.
func TestEveryCodeIsDocumented(t *testing.T) {
	document := read(t, "docs/protocol.md")
	for _, row := range protocol.Codes {
		if !hasWord(document, string(row.Code)) {
			t.Errorf("docs/protocol.md does not have %s: %s", row.Code, row.Meaning)
		}
	}
	for _, row := range protocol.Closings {
		if !hasWord(document, strconv.Itoa(int(row.Code))) {
			t.Errorf("docs/protocol.md does not have close code %d: %s", row.Code, row.Meaning)
		}
	}
}
