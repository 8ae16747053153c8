package api

import (
	"context"
	"time"

	"github.com/govqa/govqa/answer"
)

// A gate is an Engine whose Ask has a deadline, limits how often one visitor
// asks and how many questions are answered at once, and counts the answers.
// The API and the pages both ask through it.
type gate struct {
	Engine
	limiter       *limiter
	silent        *limiter // of questions that leave no trace
	perMinute     int
	localFree     bool // this machine itself is not limited
	timeout, wait time.Duration
	seats         chan struct{}
	reworder      Reworder // may be nil
	metrics       *metrics
}

func newGate(e Engine, cfg Config, m *metrics) *gate {
	perMinute := cfg.AsksPerMinute
	if perMinute == 0 {
		perMinute = defaultAsksPerMinute
	}
	return &gate{
		Engine:    e,
		limiter:   newLimiter(perMinute, time.Now),
		silent:    newLimiter(silentPerAsk*perMinute, time.Now),
		perMinute: perMinute,
		localFree: cfg.AsksPerMinute == 0,
		timeout:   cfg.AskTimeout,
		wait:      cfg.AskWait,
		seats:     make(chan struct{}, cfg.MaxAsks),
		reworder:  cfg.Reworder,
		metrics:   m,
	}
}

// Ask answers r, in plainer words where its channel has a language model.
// Beyond the engine's errors it returns a rateError when the visitor of ctx
// asks too often, errBusy when no seat gets free in time, and
// context.DeadlineExceeded.
func (g *gate) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	limiter := g.limiter
	if r.Silent {
		limiter = g.silent
	}
	if err := g.admitBy(ctx, limiter); err != nil {
		return answer.Answer{}, err
	}
	a, err := g.ask(ctx, r)
	if err != nil {
		return answer.Answer{}, err
	}
	return inScript(ctx, g.reword(ctx, r, a, nil)), nil
}

// reword has an answer put into plainer words. It needs no seat: a model is slow,
// and has a limit of its own.
func (g *gate) reword(ctx context.Context, r answer.Request, a answer.Answer, show func(string)) answer.Answer {
	if g.reworder == nil {
		return a
	}
	return g.reworder.Reword(ctx, tenanted(ctx, r), a, show)
}

// defaultAsksPerMinute is the limit where none is configured.
const defaultAsksPerMinute = 60

// admit counts a question of the visitor of ctx. Where no limit is configured,
// programs on this machine may ask as fast as they can: an evaluation, a load
// test, an integrator's own service.
func (g *gate) admit(ctx context.Context) error { return g.admitBy(ctx, g.limiter) }

// silentPerAsk is how many questions that leave no trace count as one: chat
// clients have a title, tags and more made for each question.
const silentPerAsk = 5

func (g *gate) admitBy(ctx context.Context, l *limiter) error {
	who := callerOf(ctx)
	// A key has a pace of its own; what is counted here are the visitors that an
	// integrator names.
	if who.key != "" && who.visitor == "" || who.key == "" && g.localFree && isLocal(ctx) {
		return nil
	}
	if wait := l.take(who); wait > 0 {
		return &rateError{wait, "同一来源一分钟内提问次数已达上限"}
	}
	return nil
}

// tenanted notes whose key a request came with, for the budget of its app.
func tenanted(ctx context.Context, r answer.Request) answer.Request {
	if k, ok := KeyOf(ctx); ok {
		r.Tenant = k.Name
	}
	return r
}

// ask answers a question that was admitted, in the guide's own words and
// simplified characters.
func (g *gate) ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	if err := g.enter(ctx); err != nil {
		return answer.Answer{}, err
	}
	defer func() { <-g.seats }()

	start := time.Now()
	a, err := g.Engine.Ask(ctx, tenanted(ctx, r))
	if err != nil {
		return answer.Answer{}, err
	}
	if !r.Silent {
		g.metrics.answer(a, time.Since(start))
	}
	return Whole(a), nil
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

// Whole makes lists that are missing empty ones, as the contract has them.
func Whole(a answer.Answer) answer.Answer {
	a.Matters = WholeMatters(a.Matters)
	a.Facts = list(a.Facts)
	a.Options = list(a.Options)
	a.Recommendations = list(a.Recommendations)
	a.Actions = list(a.Actions)
	a.Notices = list(a.Notices)
	return a
}

// WholeMatters returns a copy: the engine may share its list among answers.
func WholeMatters(ms []answer.MatterRef) []answer.MatterRef {
	out := make([]answer.MatterRef, len(ms))
	for i, m := range ms {
		m.Why = list(m.Why)
		out[i] = m
	}
	return out
}

// list is s, or an empty list if s is nil, so that JSON has [] and not null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
