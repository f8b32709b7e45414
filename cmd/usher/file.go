package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// settingsFile is a parsed YAML file of settings. It is read as a syntax tree, for the line of each
// key, and its values stay text, so that a setting means the same wherever it is written.
type settingsFile struct {
	path    string
	entries map[string]fileEntry
}

type fileEntry struct {
	values []string
	isList bool
	line   int
}

func loadFile(path string, known map[string]bool) (settingsFile, error) {
	file := settingsFile{path: path, entries: map[string]fileEntry{}}
	data, err := readText(path)
	var cause *fs.PathError
	switch {
	case err == nil:
	case !errors.As(err, &cause):
		return file, err
	default:
		err = cause.Err
		return file, &hinted{fmt.Errorf("config file %s: %w", path, err),
			"--config and USHER_CONFIG name the file; without them none is read"}
	}
	tree, err := parser.ParseBytes(data, 0)
	if err != nil {
		return file, syntaxError(path, err)
	}
	for _, document := range tree.Docs {
		if err := file.readDocument(document, known); err != nil {
			return file, err
		}
	}
	return file, nil
}

// syntaxError keeps the position and the message of a YAML error, but not the excerpt of the source
// that goccy/go-yaml adds, because it may show a secret.
func syntaxError(path string, err error) error {
	var bad yaml.Error
	if !errors.As(err, &bad) || bad.GetToken() == nil {
		return fmt.Errorf("%s: not YAML", path)
	}
	return fmt.Errorf("%s:%d: %s", path, bad.GetToken().Position.Line, bad.GetMessage())
}

func (f settingsFile) readDocument(document *ast.DocumentNode, known map[string]bool) error {
	switch document.Body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	}
	settings, ok := document.Body.(ast.MapNode)
	if !ok {
		return &hinted{
			fmt.Errorf("%s:%d: expected settings", f.path, lineOf(document.Body)),
			"write one a line, such as seat-grace: 1m",
		}
	}
	for pairs := settings.MapRange(); pairs.Next(); {
		if err := f.readPair(pairs.KeyValue(), known); err != nil {
			return err
		}
	}
	return nil
}

func (f settingsFile) readPair(pair *ast.MappingValueNode, known map[string]bool) error {
	key, line := pair.Key.GetToken().Value, lineOf(pair.Key)
	where := fmt.Sprintf("%s:%d: %s", f.path, line, key)
	if !known[key] {
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		err := unknown(key, "setting", names).(*hinted)
		err.err = fmt.Errorf("%s:%d: %w", f.path, line, err.err)
		return err
	}
	if earlier, ok := f.entries[key]; ok {
		return fmt.Errorf("%s: is set in line %d already", where, earlier.line)
	}
	entry := fileEntry{line: line}
	items := []ast.Node{pair.Value}
	if sequence, ok := pair.Value.(*ast.SequenceNode); ok {
		items, entry.isList = sequence.Values, true
	}
	for _, item := range items {
		text, err := scalar(item)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		entry.values = append(entry.values, text)
	}
	f.entries[key] = entry
	return nil
}

// scalar returns a value as it was written.
func scalar(node ast.Node) (string, error) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(node.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, nil
	case *ast.NullNode:
		return "", errors.New(`has no value; write "" for an empty one`)
	}
	return "", errors.New("expected a value or a list of values")
}

func lineOf(node ast.Node) int { return node.GetToken().Position.Line }
