package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"

	"usher/protocol"
	"usher/server/auth"
)

type tokenCmd struct {
	AuthJWTKey string   `name:"auth-jwt-key" required:"" placeholder:"FILE" help:"Private key or secret that the server has as its auth-jwt-key."`
	User       string   `required:"" placeholder:"ID" help:"User id: the claim sub."`
	Room       []string `placeholder:"ROOM" help:"Rooms that the token is for; any if empty."`
	Name       string   `placeholder:"NAME" help:"Name that the others see; the user chooses if empty."`
	Role       string   `placeholder:"ROLE" help:"HOST, COHOST, GUEST or VIEWER; the room decides if empty."`
	Create     choice   `placeholder:"BOOL" choices:"true,false" help:"Whether the user may create the room; the server decides if empty."`
	Expires    duration `default:"1h" min:"1s" max:"365d" help:"How long the token is valid."`
	Issuer     string   `name:"auth-issuer" placeholder:"ISSUER" help:"The claim iss."`
	Audience   string   `name:"auth-audience" placeholder:"AUDIENCE" help:"The claim aud."`
}

// Help is the text under the summary of usher token --help.
func (*tokenCmd) Help() string {
	return "It is for trying things out and for scripts: your own service makes the tokens of your users, with any JWT library. The token goes to standard output."
}

func (c *tokenCmd) Run(out io.Writer) error {
	claims, err := c.claims(time.Now())
	if err != nil {
		return err
	}
	token, err := auth.Issue(c.AuthJWTKey, claims)
	if err != nil {
		return fmt.Errorf("auth-jwt-key: %w", err)
	}
	fmt.Fprintln(out, token)
	return nil
}

func (c *tokenCmd) claims(now time.Time) (*auth.Claims, error) {
	claims := &auth.Claims{Name: c.Name, Role: c.Role, Room: c.Room}
	claims.Subject, claims.Issuer = c.User, c.Issuer
	claims.Last(now, time.Duration(c.Expires))
	if c.Audience != "" {
		claims.Audience = jwt.Audience{c.Audience}
	}
	if c.Create != "" {
		create := c.Create == "true"
		claims.Create = &create
	}
	for _, room := range c.Room {
		if !protocol.ValidRoomID(room) {
			return nil, fmt.Errorf("room: %q is not a room id: 6 to 50 letters, digits, hyphens or underscores", room)
		}
	}
	if err := claims.Check(); err != nil {
		return nil, &hinted{errors.New("the server would refuse this token: " + err.Error()), "usher token --help has the forms"}
	}
	return claims, nil
}
