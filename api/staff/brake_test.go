package staff

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBrake(t *testing.T) {
	t.Parallel()
	clock := &Clock{now: time.Unix(1e9, 0)}
	b := newBrake(clock.Now)
	p := pace{free: 3, forgive: time.Hour, most: 10 * time.Second}
	var waits []time.Duration
	for range 9 {
		if wait := b.try(watched{"a", p}); wait > 0 {
			waits = append(waits, wait)
			clock.Advance(wait)
			b.try(watched{"a", p})
		}
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4, 8, 10}, seconds(waits)); diff != "" {
		t.Errorf("waits in seconds (-want +got):\n%s", diff)
	}
	if wait := b.try(watched{"b", p}); wait != 0 {
		t.Errorf("another name waits %v", wait)
	}
	if wait := b.try(watched{"b", p}, watched{"a", p}); wait == 0 {
		t.Error("two names do not wait for the slower")
	}
	b.passed("a")
	if wait := b.try(watched{"a", p}); wait != 0 {
		t.Errorf("after a good try: %v", wait)
	}
}

func seconds(list []time.Duration) []time.Duration {
	for i := range list {
		list[i] /= time.Second
	}
	return list
}

func TestBrakeForgives(t *testing.T) {
	t.Parallel()
	clock := &Clock{now: time.Unix(1e9, 0)}
	b := newBrake(clock.Now)
	w := watched{"a", pace{free: 2, forgive: time.Minute, most: time.Hour}}
	for range 3 {
		b.try(w)
	}
	if b.try(w) == 0 {
		t.Fatal("no wait after three failures")
	}
	clock.Advance(2 * time.Minute) // two are forgiven
	for i := range 2 {
		if wait := b.try(w); wait != 0 {
			t.Errorf("try %d after the pause: %v", i, wait)
		}
	}
	if b.try(w) == 0 {
		t.Error("what was forgiven is forgotten for good")
	}
}

// TestBrakeCountsTriesAtOnce: a try counts before it is known how it ends.
func TestBrakeCountsTriesAtOnce(t *testing.T) {
	t.Parallel()
	clock := &Clock{now: time.Unix(1e9, 0)}
	b := newBrake(clock.Now)
	w := watched{"a", pace{free: 5, forgive: time.Hour, most: time.Hour}}
	allowed := make(chan bool, 100)
	for range cap(allowed) {
		go func() { allowed <- b.try(w) == 0 }()
	}
	n := 0
	for range cap(allowed) {
		if <-allowed {
			n++
		}
	}
	if n != 6 { // the free ones and the one that begins the wait
		t.Errorf("%d of 100 tries at once are allowed", n)
	}
}

// TestBrakeForgetsNobodyWhoKeepsFailing floods the brake with other names.
func TestBrakeForgetsNobodyWhoKeepsFailing(t *testing.T) {
	t.Parallel()
	clock := &Clock{now: time.Unix(1e9, 0)}
	b := newBrake(clock.Now)
	p := pace{free: 5, forgive: time.Hour, most: time.Hour}
	for range 12 {
		if wait := b.try(watched{"victim", p}); wait > 0 {
			clock.Advance(wait)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range maxTries + 1000 {
		b.try(watched{fmt.Sprint(rng.Uint64()), p})
	}
	if len(b.tries) > maxTries {
		t.Errorf("%d names are remembered", len(b.tries))
	}
	if b.tries["victim"] == nil {
		t.Error("the name that keeps failing is forgotten")
	}
}
