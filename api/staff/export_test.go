package staff

import (
	"sync"
	"time"

	"github.com/govqa/govqa/corpus/store"
)

// A Clock is a time that a test sets.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Advance moves the clock on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Stop makes s live by a clock of its own, which stands still.
func Stop(s *Staff) *Clock {
	c := &Clock{now: time.Now()}
	s.now = c.Now
	return c
}

// Quick takes one password for that of every account and no other, without
// hashing, for tests of what comes of many tries.
func Quick(s *Staff, right string) {
	s.verifies = func(u store.User, password string) bool { return password == right && u.HasPassword() && !u.Disabled }
}

// OwnPath is ownPath.
var OwnPath = ownPath
