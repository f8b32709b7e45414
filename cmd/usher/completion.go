package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// The scripts only pass the words of the command line on to usher complete, so what may come next
// is decided here, once for all shells, and from the flags themselves.
var (
	//go:embed completion/usher.bash
	bashCompletion string
	//go:embed completion/usher.zsh
	zshCompletion string
	//go:embed completion/usher.fish
	fishCompletion string
	//go:embed completion/usher.ps1
	powershellCompletion string
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish,powershell" placeholder:"SHELL" help:"bash, zsh, fish or powershell."`
}

// Help is the text under the summary of usher completion --help.
func (*completionCmd) Help() string {
	return `Packages install them for bash, zsh and fish. Otherwise, for this user:

  usher completion bash > ~/.local/share/bash-completion/completions/usher
  usher completion zsh > ~/.zsh/_usher
  usher completion fish > ~/.config/fish/completions/usher.fish
  usher completion powershell >> $PROFILE

zsh looks into ~/.zsh only after fpath=(~/.zsh $fpath), before compinit in ~/.zshrc.`
}

func (c *completionCmd) Run(out io.Writer) error {
	script := map[string]string{
		"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion, "powershell": powershellCompletion,
	}[c.Shell]
	_, err := io.WriteString(out, script)
	return err
}

// completeCmd is what the scripts ask. The first line of its output is the kind of what follows:
// "words", each with a tab and its description; or "files" or "folders", which the shell lists.
type completeCmd struct {
	Last  *string  `help:"The last word, from shells that cannot pass an empty argument."`
	Words []string `arg:"" optional:"" help:"The words after usher; the last one is to be completed."`
}

func (c *completeCmd) Run(ctx *kong.Context, out io.Writer) error {
	words := c.Words
	if c.Last != nil {
		words = append(words, *c.Last)
	}
	if len(words) == 0 {
		words = []string{""}
	}
	kind, found := candidates(ctx.Model.Node, words)
	fmt.Fprintln(out, kind)
	for _, item := range found {
		fmt.Fprintf(out, "%s\t%s\n", item.word, item.help)
	}
	return nil
}

// candidate is a word that may come next.
type candidate struct{ word, help string }

// candidates returns what may stand in place of the last of the words.
func candidates(app *kong.Node, words []string) (kind string, found []candidate) {
	before, last := words[:len(words)-1], words[len(words)-1]
	node, value := app, (*kong.Value)(nil) // value is what the next word is for, nil for any
	args := 0
	for i, word := range before {
		switch {
		case value != nil:
			value = nil
		case word == "--":
			return "words", nil
		case strings.HasPrefix(word, "-"):
			value = valueAfter(node, word)
		default:
			if child := childOf(node, word); child != nil && args == 0 {
				node = child
				continue
			}
			args++
		}
		if i == 0 && node == app {
			node = cmp.Or(app.DefaultCmd, app)
		}
	}
	name, typed, isJoined := strings.Cut(last, "=")
	switch {
	case value != nil:
		return valuesOf(value, "", last)
	case isJoined && strings.HasPrefix(last, "--"):
		if flag := flagOf(node, name); flag != nil {
			return valuesOf(flag.Value, name+"=", typed)
		}
		return "words", nil
	case strings.HasPrefix(last, "-"):
		return "words", flagsOf(node, app, last)
	}
	if args < len(node.Positional) {
		return valuesOf(node.Positional[args], "", last)
	}
	if args > 0 {
		return "words", nil
	}
	return "words", commandsOf(node, last)
}

func commandsOf(node *kong.Node, prefix string) (found []candidate) {
	for _, child := range node.Children {
		if !child.Hidden && strings.HasPrefix(child.Name, prefix) {
			found = append(found, candidate{child.Name, child.Help})
		}
	}
	return found
}

// flagsOf returns a command's flags. At the start those of the default command may come as well.
func flagsOf(node, app *kong.Node, prefix string) (found []candidate) {
	nodes := []*kong.Node{node}
	if node != app {
		nodes = append(nodes, app)
	} else if app.DefaultCmd != nil {
		nodes = append(nodes, app.DefaultCmd)
	}
	for _, node := range nodes {
		for _, flag := range node.Flags {
			word := "--" + flag.Name
			if !flag.IsBool() {
				word += "="
			}
			if !flag.Hidden && strings.HasPrefix(word, prefix) {
				found = append(found, candidate{word, helpText(flag.Value)})
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return strings.Compare(a.word, b.word) })
	return found
}

func childOf(node *kong.Node, name string) *kong.Node {
	for _, child := range node.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

// flagOf returns the flag that a word names, of a command or of those above it.
func flagOf(node *kong.Node, word string) *kong.Flag {
	if node.Type == kong.ApplicationNode && node.DefaultCmd != nil {
		node = node.DefaultCmd
	}
	for ; node != nil; node = node.Parent {
		for _, flag := range node.Flags {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

// valueAfter returns the value that the word after a flag is for, or nil.
func valueAfter(node *kong.Node, word string) *kong.Value {
	if flag := flagOf(node, word); flag != nil && !flag.IsBool() {
		return flag.Value
	}
	return nil
}

// valuesOf returns the values that a flag or an argument may have, each with the prefix before it.
func valuesOf(value *kong.Value, prefix, typed string) (kind string, found []candidate) {
	switch value.Tag.PlaceHolder {
	case "FILE":
		return "files", nil
	case "FOLDER":
		return "folders", nil
	}
	choices := cmp.Or(value.Enum, value.Tag.Get("choices"))
	for choice := range strings.SplitSeq(choices, ",") {
		if choice != "" && strings.HasPrefix(choice, typed) {
			found = append(found, candidate{prefix + choice, ""})
		}
	}
	return "words", found
}
