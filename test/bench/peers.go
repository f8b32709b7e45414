package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// peersSettings choose what is compared.
type peersSettings struct {
	only, measures     string
	out, from          string
	rounds, messages   int
	seconds            time.Duration
	joins, idle, crash int
	settle             time.Duration
	json, quick        bool
}

func (s *peersSettings) flags(f *flag.FlagSet) {
	f.StringVar(&s.only, "only", "", "`names` of the servers to compare, separated by commas; all without it")
	f.StringVar(&s.measures, "measure", "", "`names` of the measurements, separated by commas; all without it: "+strings.Join(measureNames(), ", "))
	f.IntVar(&s.rounds, "rounds", 5, "rounds of each measurement but idle")
	f.IntVar(&s.messages, "messages", 12_000, "offers in a round of the closed loop")
	f.DurationVar(&s.seconds, "for", time.Second, "length of a round at a rate")
	f.IntVar(&s.joins, "joins", 2_000, "joins in a round, a multiple of 4")
	f.IntVar(&s.idle, "idle", 4_000, "idle people between the two readings of memory, a multiple of 4")
	f.DurationVar(&s.settle, "settle", 40*time.Second, "wait before a reading of memory")
	f.IntVar(&s.crash, "crash", 1_000, "people who return after kill -9, a multiple of 4")
	f.BoolVar(&s.json, "json", false, "write JSON to standard output instead of tables")
	f.StringVar(&s.out, "out", "", "also write the tables into performance.md of this `folder`, between its markers, and the charts and "+figuresFile+" beside it")
	f.StringVar(&s.from, "from", "", "measure nothing: report the figures of this `file`, which an earlier run has written with -out or -json")
	f.BoolVar(&s.quick, "quick", false, "a few hundred messages each, to see that it works; not for the record")
}

// quicken makes every measurement short.
func (s *peersSettings) quicken() {
	s.rounds, s.messages, s.seconds = 1, 800, 100*time.Millisecond
	s.joins, s.idle, s.settle, s.crash = 64, 64, 100*time.Millisecond, 40
}

func (s *peersSettings) check() error {
	if s.rounds < 1 || s.messages < peerPairs || s.joins < 4 || s.joins%4 != 0 || s.idle < 4 || s.idle%4 != 0 || s.crash < 4 || s.crash%4 != 0 || s.seconds < 50*time.Millisecond {
		return fmt.Errorf("-rounds must be positive, -messages at least %d, -for at least 50ms, -joins, -idle and -crash multiples of 4", peerPairs)
	}
	for _, name := range named(s.measures) {
		if !slices.Contains(measureNames(), name) {
			return fmt.Errorf("no such measurement: %.64q; there are %s", name, strings.Join(measureNames(), ", "))
		}
	}
	return nil
}

// named are the items of a list in a flag.
func named(list string) (names []string) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// allPeers are the servers in the order of the tables. The first is what the others are compared
// with.
func allPeers() []peer {
	return []peer{
		&usherPeer{}, &usherPeer{again: true}, &barePeer{of: kindNbio}, &barePeer{of: kindFloor},
		&wsPeer{}, &peerjsPeer{}, &socketIOPeer{}, &yWebRTCPeer{}, &colyseusPeer{}, &centrifugoPeer{},
		gorillaPeer(), coderPeer(), &workerPeer{}, &partyPeer{},
	}
}

// slug is the name of a peer in -only.
func slug(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", ",", "", "'", "", ".", "").Replace(name))
}

// choose returns the peers that -only names, usher first.
func choose(only string) ([]peer, error) {
	all := allPeers()
	names := named(only)
	if len(names) == 0 {
		return all, nil
	}
	var slugs []string
	for _, p := range all {
		slugs = append(slugs, slug(p.about().Name))
	}
	for _, name := range names {
		if !slices.Contains(slugs, name) {
			return nil, fmt.Errorf("no such server: %.64q; there are %s", name, strings.Join(slugs, ", "))
		}
	}
	return slices.DeleteFunc(all, func(p peer) bool {
		return p != all[0] && !slices.Contains(names, slug(p.about().Name))
	}), nil
}

// comparison is a run and what it has found.
type comparison struct {
	w       *workshop
	s       peersSettings
	kit     *kit
	peers   []peer
	Date    string            `json:"date"`
	Rounds  int               `json:"rounds"`
	Machine []string          `json:"machine"`
	Servers []peerAbout       `json:"servers"`
	Skipped map[string]string `json:"skipped"`
	// Figures are by measurement, figure and server, a value for each round.
	Figures map[string]map[string]map[string][]float64 `json:"figures"`
}

// peers compares usher with other servers. It prints its own tables.
func (w *workshop) peers(s peersSettings) ([]row, error) {
	if s.from != "" {
		c, err := w.readComparison(s.from)
		if err != nil {
			return nil, err
		}
		c.w, c.s = w, s
		return nil, c.report()
	}
	if s.quick {
		s.quicken()
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.out != "" {
		// A run takes minutes, so what would lose it is found first.
		if _, err := w.readPage(s.out); err != nil {
			return nil, err
		}
	}
	if len(s.measures) == 0 {
		s.measures = strings.Join(measureNames(), ",")
	}
	chosen, err := choose(s.only)
	if err != nil {
		return nil, err
	}
	if err := precise(); err != nil {
		return nil, err
	}
	raiseDescriptors()
	c := &comparison{w: w, s: s, kit: newKit(w), Date: time.Now().Format(time.DateOnly), Rounds: s.rounds, Skipped: map[string]string{},
		Figures: map[string]map[string]map[string][]float64{}}
	if err := c.prepare(chosen); err != nil {
		return nil, err
	}
	c.Machine = []string{fmt.Sprintf("%s, %d cores shared by server and generator, Linux %s", cpuModel(), runtime.NumCPU(), kernel()),
		"data on " + w.aboutDisk(), "usher, bare nbio and generator: " + runtime.Version()}
	for _, m := range measurements {
		if slices.Contains(named(s.measures), m.name) {
			began := time.Now()
			// What was measured before and after a failure is still worth showing.
			if failed := m.run(c); failed != nil {
				err = errors.Join(err, fmt.Errorf("%s: %w", m.name, failed))
			}
			if w.ctx.Err() != nil {
				break
			}
			progress("%s took %.0f s\n", m.name, time.Since(began).Seconds())
		}
	}
	return nil, errors.Join(err, c.report())
}

// prepare builds all servers. Whatever is missing here is named, and left out.
func (c *comparison) prepare(chosen []peer) error {
	for _, p := range chosen {
		err := p.prepare(c.kit)
		if errors.Is(err, errMissing) {
			c.skip(p, err)
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", p.about().Name, err)
		}
		c.peers = append(c.peers, p)
		c.Servers = append(c.Servers, p.about())
	}
	return nil
}

func (c *comparison) skip(p peer, err error) {
	c.Skipped[p.about().Name] = err.Error()
	progress("left out: %s: %v\n", p.about().Name, err)
}

// add keeps a figure of a round.
func (c *comparison) add(measurement, figure string, p peer, value float64) {
	if c.Figures[measurement] == nil {
		c.Figures[measurement] = map[string]map[string][]float64{}
	}
	if c.Figures[measurement][figure] == nil {
		c.Figures[measurement][figure] = map[string][]float64{}
	}
	of := c.Figures[measurement][figure]
	of[p.about().Name] = append(of[p.about().Name], value)
}

// report prints what was found.
func (c *comparison) report() error {
	figures, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if c.s.json {
		fmt.Println(string(figures))
	} else {
		fmt.Print(c.tables())
	}
	if c.s.out != "" {
		return c.publish(c.s.out, figures)
	}
	return nil
}

// raiseDescriptors takes what the system gives: the generator has a socket for each person.
func raiseDescriptors() {
	const enough = 150_000
	wanted := unix.Rlimit{Cur: enough, Max: enough}
	if unix.Setrlimit(unix.RLIMIT_NOFILE, &wanted) == nil {
		return
	}
	var has unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &has) == nil {
		has.Cur = has.Max
		unix.Setrlimit(unix.RLIMIT_NOFILE, &has)
	}
}

// descriptors is how many this process may have.
func descriptors() int {
	var has unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &has) != nil {
		return 1024
	}
	return int(has.Cur)
}
