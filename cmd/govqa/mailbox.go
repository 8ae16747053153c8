package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// A mailbox keeps messages in the journal. In memory it only knows where in
// the journal each one and its replies stand.
type mailbox struct {
	store *store.Store

	keeping sync.Mutex // one message at a time is looked for and then written
	mu      sync.RWMutex
	entries map[string]mailEntry // by number
}

// A mailEntry holds sequence numbers of the journal.
type mailEntry struct {
	message uint64
	replies []uint64
}

var _ answer.Mailbox = (*mailbox)(nil)

func newMailbox(s *store.Store) *mailbox {
	return &mailbox{store: s, entries: map[string]mailEntry{}}
}

// Keep implements [answer.Mailbox].
func (m *mailbox) Keep(ctx context.Context, msg answer.KeptMessage) (answer.KeptMessage, error) {
	m.keeping.Lock()
	defer m.keeping.Unlock()
	there, _, err := m.Find(ctx, msg.Number)
	if err == nil || !errors.Is(err, corpus.ErrNotFound) {
		return there, err
	}
	seq, err := m.append(ctx, store.ByCitizen, answer.FactMessage, msg.Number, msg)
	if err != nil {
		return answer.KeptMessage{}, err
	}
	m.note(msg.Number, func(e *mailEntry) { e.message = seq })
	return msg, nil
}

// Reply keeps an agency's reply to a message, or returns corpus.ErrNotFound.
// The actor is who gives it.
func (m *mailbox) Reply(ctx context.Context, actor string, r answer.MessageReply) error {
	if _, err := m.entry(r.Number); err != nil {
		return err
	}
	seq, err := m.append(ctx, actor, answer.FactReply, r.Number, r)
	if err != nil {
		return err
	}
	m.note(r.Number, func(e *mailEntry) { e.replies = append(e.replies, seq) })
	return nil
}

func (m *mailbox) append(ctx context.Context, actor, typ, number string, v any) (uint64, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", typ, err)
	}
	return m.store.Append(ctx, actor, store.Fact{Type: typ, Object: number, Data: data})
}

func (m *mailbox) note(number string, change func(*mailEntry)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.entries[number]
	change(&e)
	m.entries[number] = e
}

func (m *mailbox) entry(number string) (mailEntry, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e, ok := m.entries[number]
	if !ok || e.message == 0 {
		return mailEntry{}, fmt.Errorf("message: %w", corpus.ErrNotFound)
	}
	e.replies = e.replies[:len(e.replies):len(e.replies)] // what is appended later is not ours
	return e, nil
}

// Find implements [answer.Mailbox].
func (m *mailbox) Find(_ context.Context, number string) (msg answer.KeptMessage, replies []answer.MessageReply, err error) {
	e, err := m.entry(number)
	if err != nil {
		return msg, nil, err
	}
	if err := m.read(e.message, &msg); err != nil {
		return msg, nil, err
	}
	for _, seq := range e.replies {
		var r answer.MessageReply
		if err := m.read(seq, &r); err != nil {
			return msg, nil, err
		}
		replies = append(replies, r)
	}
	return msg, replies, nil
}

// Numbers lists the numbers of all messages in the order in which they came.
func (m *mailbox) Numbers() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return slices.SortedFunc(maps.Keys(m.entries), func(a, b string) int {
		return cmp.Compare(m.entries[a].message, m.entries[b].message)
	})
}

// Replied returns how many replies a message has.
func (m *mailbox) Replied(number string) int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.entries[number].replies)
}

// read reads one fact of the journal.
func (m *mailbox) read(seq uint64, v any) error {
	for f, err := range m.store.Facts(seq - 1) {
		if err != nil {
			return err
		}
		if err := json.Unmarshal(f.Data, v); err != nil {
			return fmt.Errorf("journal entry %d: %w", seq, err)
		}
		return nil
	}
	return fmt.Errorf("journal entry %d: %w", seq, corpus.ErrNotFound)
}

// replay takes up a fact that was journalled before this process started.
func (m *mailbox) replay(f store.Fact) error {
	var at struct {
		Number string `json:"number"`
	}
	switch f.Type {
	case answer.FactMessage, answer.FactReply:
	default:
		return nil
	}
	if err := json.Unmarshal(f.Data, &at); err != nil {
		return fmt.Errorf("journal entry %d: %w", f.Seq, err)
	}
	m.note(at.Number, func(e *mailEntry) {
		if f.Type == answer.FactMessage {
			e.message = f.Seq
		} else {
			e.replies = append(e.replies, f.Seq)
		}
	})
	return nil
}
