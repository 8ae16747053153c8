package api

import (
	"context"
	"time"

	"github.com/govqa/govqa/answer"
)

// A gate is an Engine whose Ask has a deadline, lets only so many questions in
// at once, and counts the answers. The API and the pages both ask through it.
type gate struct {
	Engine
	timeout, wait time.Duration
	seats         chan struct{}
	metrics       *metrics
}

func newGate(e Engine, cfg Config, m *metrics) *gate {
	return &gate{e, cfg.AskTimeout, cfg.AskWait, make(chan struct{}, cfg.MaxAsks), m}
}

// Ask answers r. Beyond the engine's errors it returns errBusy when no seat
// gets free in time, and context.DeadlineExceeded.
func (g *gate) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	if err := g.enter(ctx); err != nil {
		return answer.Answer{}, err
	}
	defer func() { <-g.seats }()

	start := time.Now()
	a, err := g.Engine.Ask(ctx, r)
	if err != nil {
		return answer.Answer{}, err
	}
	g.metrics.answer(a, time.Since(start))
	return whole(a), nil
}

// enter waits for a seat.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.seats <- struct{}{}:
		return nil
	default:
	}
	late := time.NewTimer(g.wait)
	defer late.Stop()
	select {
	case g.seats <- struct{}{}:
		return nil
	case <-late.C:
		return errBusy
	case <-ctx.Done():
		if ctx.Err() == context.DeadlineExceeded {
			return errBusy
		}
		return ctx.Err()
	}
}

// whole makes lists that are missing empty ones, as the contract has them.
func whole(a answer.Answer) answer.Answer {
	a.Matters = list(a.Matters)
	for i, m := range a.Matters {
		if m.Why == nil {
			a.Matters[i].Why = []string{}
		}
	}
	a.Facts = list(a.Facts)
	a.Options = list(a.Options)
	a.Recommendations = list(a.Recommendations)
	a.Actions = list(a.Actions)
	a.Notices = list(a.Notices)
	return a
}

// list is s, or an empty list if s is nil, so that JSON has [] and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
