package staff

import (
	"sync"
	"time"
)

// A brake slows down whoever keeps failing. Each name has some failures free;
// with every further one the next try must wait twice as long as the last, up
// to a limit, and one failure is forgiven every so often. Nobody is ever shut
// out for good, and every try is counted before it is known how it ends, so
// that many at once gain nothing.
type brake struct {
	now func() time.Time

	mu    sync.Mutex
	tries map[string]*tries
}

// A pace says how strictly a name is watched.
type pace struct {
	free    int           // failures without a wait
	forgive time.Duration // after which one failure is forgiven
	most    time.Duration // the longest wait
}

// tries are the failures under one name.
type tries struct {
	pace   pace
	failed int
	since  time.Time // when the last was counted or forgiven
	until  time.Time // no try before
}

const (
	firstWait = time.Second
	maxTries  = 1 << 16 // names remembered at once
)

func newBrake(now func() time.Time) *brake { return &brake{now: now, tries: map[string]*tries{}} }

// A watched name is counted at its pace.
type watched struct {
	name string
	pace pace
}

// try counts a try under every name, or under none and returns how long to
// wait first.
func (b *brake) try(names ...watched) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	var wait time.Duration
	for _, n := range names {
		if t := b.tries[n.name]; t != nil {
			wait = max(wait, t.until.Sub(now))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, n := range names {
		b.count(n, now)
	}
	return 0
}

func (b *brake) count(n watched, now time.Time) {
	t := b.tries[n.name]
	if t == nil {
		b.sweep(now)
		t = &tries{pace: n.pace, since: now}
		b.tries[n.name] = t
	}
	if forgiven := int(now.Sub(t.since) / n.pace.forgive); forgiven > 0 {
		t.failed = max(0, t.failed-forgiven)
	}
	t.failed++
	t.since = now
	if over := t.failed - n.pace.free; over > 0 {
		wait := n.pace.most
		if over <= 20 {
			wait = min(wait, firstWait<<(over-1))
		}
		t.until = now.Add(wait)
	}
}

// passed takes back what was counted under the names: the try went well.
func (b *brake) passed(names ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		delete(b.tries, n)
	}
}

// undo takes back one try that did not fail, and leaves the failures before
// and the wait that they have earned.
func (b *brake) undo(names ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range names {
		if t := b.tries[n]; t != nil {
			if t.failed--; t.failed <= t.pace.free {
				t.until = time.Time{}
			}
		}
	}
}

// sweep forgets who has nothing left to be forgiven; if there are too many
// names then, those with the fewest failures go first.
func (b *brake) sweep(now time.Time) {
	if len(b.tries) < maxTries {
		return
	}
	for atMost := 0; len(b.tries) >= maxTries; atMost++ {
		for name, t := range b.tries {
			if t.failed-int(now.Sub(t.since)/t.pace.forgive) <= atMost && !t.until.After(now) || atMost > 32 {
				delete(b.tries, name)
			}
		}
	}
}
