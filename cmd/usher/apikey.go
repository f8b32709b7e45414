package main

import (
	"fmt"
	"io"
	"regexp"

	"usher/server/auth"
)

type apiKeyCmd struct {
	Scopes string `default:"rooms" placeholder:"SCOPE,..." help:"What the key allows: read, rooms, moderate, admin (rooms)."`
	Name   string `arg:"" help:"Name of the program, for the log: letters, digits, hyphens and underscores."`
}

// Help is the text under the summary of usher apikey --help.
func (*apiKeyCmd) Help() string {
	return "Give the key to the program, and put the line into the server's api-key-file. The key is nowhere else: the file has only its hash. SIGHUP makes the server read the file again; a key whose line is gone opens nothing, unless it was the last one: a file without keys changes nothing."
}

var apiKeyName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c *apiKeyCmd) Run(out io.Writer) error {
	if !apiKeyName.MatchString(c.Name) {
		return fmt.Errorf("%q is not a name: 1 to 64 letters, digits, hyphens or underscores", c.Name)
	}
	scopes, err := auth.ParseScopes(c.Scopes)
	if err != nil {
		return err
	}
	key, hash := auth.NewAPIKey()
	fmt.Fprintf(out, "key:  %s\nline: %s %s %s\n", key, c.Name, hash, scopes)
	return nil
}
