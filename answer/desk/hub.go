package desk

import "sync"

// A hub tells watchers that calls have changed. It holds no call: a watcher
// that was told reads the call from the store.
type hub struct {
	mu       sync.Mutex
	watchers map[*Watch]bool
}

// A Watch is told of changed calls. What it is told while it is not listening
// is summed up: the newest version of each call.
type Watch struct {
	hub   *hub
	call  string // "" is all
	wake  chan struct{}
	mu    sync.Mutex
	fresh map[string]uint64
}

// Watch watches one call, or with an empty id all calls, until Stop.
func (d *Desk) Watch(id string) *Watch {
	w := &Watch{hub: &d.changes, call: id, wake: make(chan struct{}, 1), fresh: map[string]uint64{}}
	d.changes.mu.Lock()
	defer d.changes.mu.Unlock()
	d.changes.watchers[w] = true
	return w
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.hub.mu.Lock()
	defer w.hub.mu.Unlock()
	delete(w.hub.watchers, w)
}

// Woken is ready when there is something to take.
func (w *Watch) Woken() <-chan struct{} { return w.wake }

// Take returns the changed calls and their versions since the last time.
func (w *Watch) Take() map[string]uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	fresh := w.fresh
	w.fresh = map[string]uint64{}
	return fresh
}

func (h *hub) tell(c *Call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		if w.call == "" || w.call == c.ID {
			w.note(c)
		}
	}
}

func (w *Watch) note(c *Call) {
	w.mu.Lock()
	w.fresh[c.ID] = max(w.fresh[c.ID], c.Version)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // it has been woken and not looked yet
	}
}
