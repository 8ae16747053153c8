package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend"
	"github.com/govqa/govqa/recommend/history"
)

// A memory is what people did, as the engine asks for it.
type memory struct {
	store *history.Store
	log   *slog.Logger
	notes chan answer.Event
	done  chan struct{}
}

var _ answer.Memory = (*memory)(nil)

// newMemory makes a memory that notes in the background.
func newMemory(s *history.Store, log *slog.Logger) *memory {
	m := &memory{store: s, log: log, notes: make(chan answer.Event, 4096), done: make(chan struct{})}
	go m.write()
	return m
}

// write keeps what was noted, as many at a time as have queued up.
func (m *memory) write() {
	defer close(m.done)
	for e := range m.notes {
		batch := []answer.Event{e}
		for len(m.notes) > 0 && len(batch) < 256 {
			batch = append(batch, <-m.notes)
		}
		if _, err := m.Append(context.Background(), batch); err != nil {
			m.log.Error("events not kept", "n", len(batch), "err", err)
		}
	}
}

// close keeps what was noted and ends.
func (m *memory) close() {
	close(m.notes)
	<-m.done
}

// Note implements [answer.Memory]. When the disk cannot keep up, events are
// dropped.
func (m *memory) Note(e answer.Event) {
	select {
	case m.notes <- e:
	default:
		m.log.Warn("event not kept: the disk is too slow", "type", e.Type)
	}
}

// Append implements [answer.Memory].
func (m *memory) Append(ctx context.Context, events []answer.Event) (answer.Recorded, error) {
	list := make([]history.Event, len(events))
	for i, e := range events {
		list[i] = history.Event(e)
	}
	r, err := m.store.Append(ctx, list)
	return answer.Recorded(r), asAnswer(err)
}

// Recall implements [answer.Memory].
func (m *memory) Recall(ctx context.Context, subject string, limit int) (recommend.PersonKey, answer.Profile, []recommend.Step, error) {
	key, p, events, err := m.store.Personal(ctx, subject, limit)
	return key, answer.Profile(p), history.Steps(events), asAnswer(err)
}

// Personalize implements [answer.Memory].
func (m *memory) Personalize(ctx context.Context, subject string, s answer.Switch) (answer.Profile, error) {
	p, err := m.store.Personalize(ctx, subject, func(p *history.Profile) {
		if s.On != nil {
			p.Off, p.Agreed = !*s.On, *s.On
		}
		if s.Minor != nil {
			p.Minor = *s.Minor
		}
		if s.Region != nil {
			p.Region = *s.Region
		}
		if s.Audience != nil {
			p.Audience = *s.Audience
		}
	})
	return answer.Profile(p), asAnswer(err)
}

// Export implements [answer.Memory].
func (m *memory) Export(ctx context.Context, subject string) (answer.Personal, error) {
	x, err := m.store.Export(ctx, subject)
	p := answer.Personal{Profile: answer.Profile(x.Profile), Events: make([]answer.Event, len(x.Events))}
	for i, e := range x.Events {
		p.Events[i] = answer.Event(e)
	}
	return p, asAnswer(err)
}

// Erase implements [answer.Memory].
func (m *memory) Erase(ctx context.Context, subject string) (answer.Erased, error) {
	x, err := m.store.Erase(ctx, subject)
	return answer.Erased(x), asAnswer(err)
}

// Model implements [answer.Memory].
func (m *memory) Model() *recommend.Model { return m.store.Model() }

// asAnswer gives an error the name by which the engine's callers know it.
func asAnswer(err error) error {
	switch {
	case errors.Is(err, history.ErrBadSubject):
		return fmt.Errorf("%w: %w", answer.ErrBadSubject, err)
	case errors.Is(err, history.ErrBadEvent):
		return fmt.Errorf("%w: %w", answer.ErrBadEvent, err)
	}
	return err
}

// remember opens what people did, for a service.
func (a *app) remember(ctx context.Context, data string, keep time.Duration) (err error) {
	if a.history, err = openHistory(data, keep, a.log); err != nil {
		return err
	}
	a.memory = newMemory(a.history, a.log)
	a.engine.Memory = a.memory
	return a.succeed(ctx)
}

// supersedes is a key of a guide's line beside the import format: the codes of
// the matters that it replaces.
const supersedes = "supersedes"

// succeed tells the memory which matters were replaced by guides that were
// published since it was last told.
func (a *app) succeed(ctx context.Context) error {
	if a.history == nil {
		return nil
	}
	from, to := corpus.Edition(a.history.Followed()), a.store.Edition()
	if from >= to {
		return nil
	}
	for change, err := range a.store.Changes(from, to) {
		if err != nil {
			return err
		}
		g, ok := change.Record.(*corpus.Guide)
		if !ok || g.Extra[supersedes] == nil {
			continue
		}
		var old []string
		if err := json.Unmarshal(g.Extra[supersedes], &old); err != nil {
			a.log.Warn("supersedes is no list of codes", "matter", g.Code)
			continue
		}
		for _, code := range old {
			if err := a.history.Succeed(ctx, code, g.Code); err != nil {
				a.log.Warn("successor not taken", "matter", code, "by", g.Code, "err", err)
			}
		}
	}
	return a.history.Follow(ctx, uint64(to))
}
