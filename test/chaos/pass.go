package chaos

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// pass is one connection from node to node.
type pass struct{ ways [2]way }

// way is one direction of it.
type way struct {
	direction
	in, out net.Conn
	// frozen is held while nothing passes.
	frozen sync.RWMutex
	// late is how long bytes are under way, nil for no time.
	late atomic.Pointer[lateness]
}

// lateness is a delay. The connections between two nodes have different ones, so what is sent on
// one overtakes what was sent on another. Within a connection the order of bytes is TCP's promise.
type lateness struct{ least, most time.Duration }

// chunk is bytes under way.
type chunk struct {
	bytes []byte
	due   time.Time
}

const (
	chunkBytes = 32 << 10
	// chunksUnderWay bounds what a way holds while it is late: 32 MiB.
	chunksUnderWay = 1024
)

// copy passes bytes until either end is closed.
func (w *way) copy() {
	underWay := make(chan chunk, chunksUnderWay)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for c := range underWay {
			time.Sleep(time.Until(c.due))
			w.frozen.RLock()
			_, err := w.out.Write(c.bytes)
			w.frozen.RUnlock()
			if err != nil {
				_ = w.in.Close()
				break
			}
		}
		for range underWay { // so that the reader ends
		}
	}()
	buffer := make([]byte, chunkBytes)
	for {
		n, err := w.in.Read(buffer)
		if n > 0 {
			c := chunk{bytes: bytes.Clone(buffer[:n])}
			if late := w.late.Load(); late != nil {
				c.due = time.Now().Add(late.least + rand.N(late.most-late.least+1))
			}
			underWay <- c
		}
		if err != nil {
			break
		}
	}
	close(underWay)
	<-ended
}

func (p *pass) close() {
	for i := range p.ways {
		_ = p.ways[i].in.Close()
	}
}
