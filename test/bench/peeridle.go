package main

import "time"

// idlePeople measures the memory that one more idle person takes. Memory needs no quiet machine, so
// many servers are measured at once: as many as the generator has descriptors for.
func (c *comparison) idlePeople() error {
	const spare = 500
	group := max(1, (descriptors()-spare)/(c.s.idle+c.few()))
	for first := 0; first < len(c.peers); first += group {
		if err := c.idleGroup(c.peers[first:min(first+group, len(c.peers))]); err != nil {
			return err
		}
	}
	return nil
}

// few is how many people there are at the first reading.
func (c *comparison) few() int { return max(4, c.s.idle/8/4*4) }

func (c *comparison) idleGroup(peers []peer) error {
	loads, end, err := c.running(peers, false)
	if err != nil {
		return err
	}
	defer end()
	few, err := c.idleReading(loads, "few", c.few())
	if err != nil {
		return err
	}
	many, err := c.idleReading(loads, "many", c.s.idle)
	if err != nil {
		return err
	}
	for i, l := range loads {
		if l.dropped {
			continue
		}
		c.add("idle", "bytes", l.peer, float64(many[i]-few[i])/float64(c.s.idle))
		c.add("idle", "total", l.peer, float64(many[i])/(1<<20))
	}
	return nil
}

// idleReading seats more people with each server, leaves them alone and reads the memory of each.
func (c *comparison) idleReading(loads []*peerLoad, name string, people int) (memory []int64, err error) {
	for _, l := range loads {
		if l.dropped {
			continue
		}
		if err := l.seat(l.newPeople(name, people/4, 4), 32); err != nil {
			if err = c.drop("idle", l, l.server.explain(err)); err != nil {
				return nil, err
			}
		}
	}
	progress("idle: %d more people each with %d servers, left alone for %v\n", people, len(loads), c.s.settle)
	for end := time.Now().Add(c.s.settle); time.Now().Before(end); {
		tendAll(loads)
		time.Sleep(20 * time.Millisecond)
	}
	for _, l := range loads {
		if l.broken != nil && !l.dropped {
			if err := c.drop("idle", l, l.broken); err != nil {
				return nil, err
			}
		}
		r, err := treeResident(l.server.pid)
		if err != nil && !l.dropped {
			return nil, err
		}
		memory = append(memory, r)
	}
	return memory, nil
}
