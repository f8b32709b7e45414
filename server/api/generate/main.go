// Command generate writes openapi.json, the OpenAPI 3.1 document of the API, from the table of
// operations and their Go types. With -check it fails if the file is stale.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"usher/protocol"
	"usher/server/api"
)

type object = map[string]any

func main() {
	check := flag.Bool("check", false, "fail if the file is stale")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	const path = "openapi.json"
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document()); err != nil {
		return err
	}
	if !check {
		return os.WriteFile(path, text.Bytes(), 0o644)
	}
	if !bytes.Equal(text.Bytes(), api.Document()) {
		return fmt.Errorf("%s is stale: go generate ./server/api", path)
	}
	return nil
}

// document returns the whole document.
func document() object {
	s := &schemas{known: object{}}
	paths := object{}
	for _, o := range api.Operations() {
		item, ok := paths[o.Path].(object)
		if !ok {
			item = object{}
			paths[o.Path] = item
		}
		item[strings.ToLower(o.Method)] = s.operation(&o)
	}
	s.known["Error"] = errorSchema()
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "usher", "version": "1", "summary": "What operators of an usher server and their programs can do.",
			"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"servers":    []any{object{"url": api.Prefix}},
		"security":   []any{object{"key": []any{}}},
		"paths":      paths,
		"components": object{"schemas": s.known, "securitySchemes": object{"key": object{"type": "http", "scheme": "bearer", "description": "An API key, or the admin token."}}},
	}
}

func (s *schemas) operation(o *api.Operation) object {
	made := object{
		"operationId": o.ID, "summary": o.Summary, "description": "Needs a key with the scope " + o.Scope.String() + ".",
		"responses": s.responses(o),
	}
	var parameters []any
	for _, name := range []string{"roomId", "userId"} {
		if strings.Contains(o.Path, "{"+name+"}") {
			parameters = append(parameters, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, p := range o.Query {
		schema := object{"type": "string"}
		if p.High > 0 {
			schema = object{"type": "integer", "minimum": p.Low, "maximum": p.High}
		}
		parameters = append(parameters, object{"name": p.Name, "in": "query", "description": p.Doc, "schema": schema})
	}
	if o.ID == "readEvents" {
		parameters = append(parameters, object{"name": "Last-Event-ID", "in": "header", "description": "The id of the last event that was received.", "schema": object{"type": "string"}})
	}
	if parameters != nil {
		made["parameters"] = parameters
	}
	if o.Body != nil {
		made["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": s.of(o.Body)}}}
	}
	return made
}

func (s *schemas) responses(o *api.Operation) object {
	success := object{"description": "Done."}
	switch {
	case o.Stream:
		success = object{"description": "Server-sent events. Each has this as its data.", "content": object{"text/event-stream": object{"schema": s.of(o.Response)}}}
	case o.Response != nil:
		success["content"] = object{"application/json": object{"schema": s.of(o.Response)}}
	}
	responses := object{fmt.Sprint(o.Status): success}
	byStatus := map[int][]string{}
	for _, code := range slices.Concat(o.Errors, api.CommonErrors) {
		status := code.Lookup().Status
		byStatus[status] = append(byStatus[status], "`"+string(code)+"`")
	}
	for status, codes := range byStatus {
		slices.Sort(codes)
		responses[fmt.Sprint(status)] = object{
			"description": strings.Join(slices.Compact(codes), ", ") + ".",
			"content":     object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}},
		}
	}
	return responses
}

func errorSchema() object {
	var codes []any
	for _, row := range protocol.Codes {
		if row.Status != 0 {
			codes = append(codes, string(row.Code))
		}
	}
	text := object{"type": "string"}
	return object{
		"type": "object", "required": []any{"type", "code", "error", "retryable", "timestamp"},
		"properties": object{
			"type": object{"const": "ERROR"}, "code": object{"type": "string", "enum": codes, "description": "What to branch on."},
			"error":     object{"type": "string", "description": "A sentence for a person."},
			"details":   object{"type": "string", "description": "What is wrong with this request, or what to do."},
			"retryable": object{"type": "boolean", "description": "Whether the same request may succeed later."},
			"timestamp": object{"type": "integer"}, "requestId": text,
		},
	}
}

// schemas are the types that the operations use.
type schemas struct{ known object }

// of returns the schema of a type, by reference if it is a struct.
func (s *schemas) of(t reflect.Type) object {
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return object{"type": "string", "format": "date-time"}
		}
		if s.known[t.Name()] == nil {
			s.known[t.Name()] = object{} // a type may contain itself
			s.known[t.Name()] = s.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + t.Name()}
	}
	panic("generate: no schema for " + t.String())
}

func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []any{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := s.of(f.Type)
		if doc := f.Tag.Get("doc"); doc != "" {
			property["description"] = doc
		}
		if values := f.Tag.Get("enum"); values != "" {
			property["enum"] = strings.Split(values, ",")
		}
		if pattern := f.Tag.Get("pattern"); pattern != "" {
			property["pattern"] = pattern
		}
		properties[name] = property
		if options != "omitempty" {
			required = append(required, name)
		}
	}
	made := object{"type": "object", "properties": properties}
	if len(required) > 0 {
		made["required"] = required
	}
	return made
}
