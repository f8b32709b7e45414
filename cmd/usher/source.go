package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

const envPrefix = "USHER_"

// origin is where a value came from.
type origin struct {
	kind string // "default", "file", "env" or "flag"
	name string // the file with its line, the variable, or the flag
}

func (o origin) String() string { return strings.TrimSpace(o.kind + " " + o.name) }

// label returns the name of a setting as its origin spells it.
func (o origin) label(setting string) string {
	switch o.kind {
	case "file":
		return o.name + ": " + setting
	case "env":
		return o.name
	}
	return "--" + setting
}

// origins has the settings that are not at their default. A bad flag is found before it is entered
// here, so label treats unknown settings as flags.
type origins map[string]origin

func (o origins) of(setting string) origin {
	if found, ok := o[setting]; ok {
		return found
	}
	return origin{kind: "default"}
}

// namedIn returns the settings that a message names and that were set out of sight, in the
// environment or in the file.
func (o origins) namedIn(message string) []string {
	var found []string
	for word := range strings.FieldsFuncSeq(message, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
		if kind := o[word].kind; (kind == "env" || kind == "file") && !slices.Contains(found, word) {
			found = append(found, word)
		}
	}
	return found
}

// sources is part of each command that has settings: it adds the file and the environment to the
// command line.
type sources struct {
	Config string `placeholder:"FILE" help:"YAML file of settings, its keys named as the flags; also USHER_CONFIG."`
}

// BeforeResolve gives kong one resolver for the file and one for the environment. It does not use
// kong's own env tag, because kong lets a file override that.
func (s *sources) BeforeResolve(ctx *kong.Context, origins origins) error {
	known := map[string]bool{}
	for _, flag := range settingsOf(command(ctx.Model.Node, "serve")) {
		known[flag.Name] = true
	}
	path := os.Getenv(envPrefix + "CONFIG")
	for _, step := range ctx.Path {
		if step.Flag == nil {
			continue
		}
		origins[step.Flag.Name] = origin{"flag", "--" + step.Flag.Name}
		if step.Flag.Name == "config" {
			path = ctx.FlagValue(step.Flag).(string)
		}
	}
	if err := checkEnviron(os.Environ(), known); err != nil {
		return err
	}
	if path != "" {
		file, err := loadFile(path, known)
		if err != nil {
			return err
		}
		ctx.AddResolver(file.resolver(origins))
	}
	// after the file: the last resolver that knows a value wins
	ctx.AddResolver(environment(origins, known))
	return nil
}

func environment(origins origins, known map[string]bool) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := envName(flag.Name)
		// Compose files and unit files leave empty variables behind.
		text := os.Getenv(name)
		if strings.TrimSpace(text) == "" || !known[flag.Name] {
			return nil, nil
		}
		origins[flag.Name] = origin{"env", name}
		return text, nil
	})
}

func (f settingsFile) resolver(origins origins) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		entry, ok := f.entries[flag.Name]
		if !ok {
			return nil, nil
		}
		origins[flag.Name] = origin{"file", fmt.Sprintf("%s:%d", f.path, entry.line)}
		if !entry.isList {
			return entry.values[0], nil
		}
		if flag.Target.Kind() != reflect.Slice {
			return nil, &valueError{flag.Name, "takes one value, not a list", ""}
		}
		return entry.values, nil
	})
}

func envName(setting string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(setting, "-", "_"))
}

// kubernetesEnv matches the variables that Kubernetes and Docker links put into every container for
// a service called usher or usher-something. USHER_PORT matches only with the URL that they give
// it: a bare number is somebody's wrong guess.
var kubernetesEnv = regexp.MustCompile(
	`^USHER_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?=|PORT=\w+://|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?=)`)

// checkEnviron refuses USHER_ variables that no setting reads. It names them without their values,
// which may be secrets.
func checkEnviron(environ []string, known map[string]bool) error {
	names := []string{envPrefix + "CONFIG"}
	for name := range known {
		names = append(names, envName(name))
	}
	slices.Sort(names)
	slices.Sort(environ)
	for _, variable := range environ {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, envPrefix) && !slices.Contains(names, name) && !kubernetesEnv.MatchString(variable) {
			return unknown(name, "variable", names)
		}
	}
	return nil
}

// unknown is the error for a name that is not in known.
func unknown(name, what string, known []string) error {
	hint := "usher serve --help lists the settings"
	short := make([]string, len(known)) // all begin with USHER_, or none does
	for i, full := range known {
		short[i] = strings.TrimPrefix(full, envPrefix)
	}
	if near := closest(strings.TrimPrefix(name, envPrefix), short); near != "" {
		hint = "did you mean " + known[slices.Index(short, near)] + "?"
	}
	return &hinted{fmt.Errorf("%s: no such %s", name, what), hint}
}

func command(app *kong.Node, name string) *kong.Node {
	at := slices.IndexFunc(app.Children, func(node *kong.Node) bool { return node.Name == name })
	return app.Children[at]
}
