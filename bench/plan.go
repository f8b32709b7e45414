package bench

import (
	"errors"
	"fmt"
	"net/url"
	"time"
)

// Plan is the load of a run.
type Plan struct {
	// URL is the server's WebSocket address. Without a path it is /ws.
	URL string `json:"url"`
	// Rooms and People are how many rooms there are, and how many people in each.
	Rooms  int `json:"rooms"`
	People int `json:"people"`
	// JoinRate is in people a second.
	JoinRate float64 `json:"joinRate"`
	// Duration is how long people negotiate once all have joined.
	Duration time.Duration `json:"durationNs"`
	// Idle is the share of people, 0 to 1, who do nothing once they know their room.
	Idle float64 `json:"idle"`
	// Every is how often each of the others negotiates with somebody again.
	Every time.Duration `json:"everyNs"`
	// Churn is how many people a second leave and are replaced.
	Churn float64 `json:"churn"`
	// Candidates is how many candidates follow each offer and each answer.
	Candidates int `json:"candidates"`
	// Insecure accepts any certificate.
	Insecure bool `json:"insecure"`
}

// MaxSeats bounds the people of a room; no server takes more.
const MaxSeats = 250

// descriptorsSpare are the files that the process has besides its connections.
const descriptorsSpare = 40

// Error is a failure with advice.
type Error struct{ Problem, Hint string }

// Error returns the problem, without the advice.
func (e *Error) Error() string { return e.Problem }

// check returns the address, or what is wrong.
func (p *Plan) check() (*url.URL, error) {
	address, err := p.address()
	if err != nil {
		return nil, err
	}
	switch {
	case p.Rooms < 1 || p.People < 1 || p.People > MaxSeats:
		err = fmt.Errorf("%s of %d: at least one room, of 1 to %d people", counted(p.Rooms, "room"), p.People, MaxSeats)
	case p.JoinRate <= 0 || p.Every < time.Millisecond || p.Duration < 0 || p.Duration > 24*time.Hour:
		err = errors.New("the join rate must be positive, a negotiation at most every 1ms, the duration 0s to 24h")
	case p.Idle < 0 || p.Idle > 1 || p.Churn < 0 || p.Candidates < 0 || p.Candidates > 1000:
		err = errors.New("the idle share must be 0 to 1, the churn not negative, the candidates 0 to 1000")
	}
	if err != nil {
		return nil, err
	}
	if have := descriptors(); have > 0 && p.total()+descriptorsSpare > have {
		return nil, &Error{
			fmt.Sprintf("%d people need as many open files, and this process may have %d", p.total(), have),
			fmt.Sprintf("raise the limit (ulimit -n %d), or take fewer rooms", p.total()+descriptorsSpare),
		}
	}
	return address, nil
}

func (p *Plan) total() int { return p.Rooms * p.People }

func (p *Plan) address() (*url.URL, error) {
	address, err := url.Parse(p.URL)
	if err == nil {
		switch address.Scheme {
		case "ws", "wss":
		case "http":
			address.Scheme = "ws"
		case "https":
			address.Scheme = "wss"
		default:
			err = errors.New("no scheme")
		}
	}
	if err != nil || address.Host == "" {
		return nil, &Error{fmt.Sprintf("%.64q is not the address of a server", p.URL), "such as ws://localhost:8787/ws or wss://usher.example.org/ws"}
	}
	if address.Path == "" || address.Path == "/" {
		address.Path = "/ws"
	}
	return address, nil
}
