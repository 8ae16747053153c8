package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
)

// MaxKeys is the greatest number of records that Remove and PublishDrafts
// take at once.
const MaxKeys = 2000

// ErrTooMany means that a call names more than MaxKeys records.
var ErrTooMany = fmt.Errorf("一次最多 %d 条记录", MaxKeys)

// Remove publishes an edition without the records of the given keys. If one
// of them is not in the current edition the error is corpus.ErrNotFound and
// nothing is removed.
func (s *Store) Remove(ctx context.Context, actor, note string, keys []corpus.Key) (EditionInfo, error) {
	if len(keys) > MaxKeys {
		return EditionInfo{}, ErrTooMany
	}
	info := EditionInfo{Actor: actor, Note: note, Kind: "remove"}
	return s.edit(ctx, info, nil, func(p *pending, base *view) error {
		for _, k := range distinct(keys) {
			before, err := base.find(k, nil)
			if err != nil {
				return err
			}
			if before.line == nil {
				return fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
			}
			if err := p.put(k, before, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

func distinct(keys []corpus.Key) []corpus.Key {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	return slices.Compact(keys)
}

// Rollback publishes an edition with the content of edition to, and
// ErrUnchanged if the current edition has that content. Later editions stay
// in the history.
func (s *Store) Rollback(ctx context.Context, actor string, to corpus.Edition, note string) (EditionInfo, error) {
	info := EditionInfo{Actor: actor, Note: note, Kind: "rollback"}
	return s.edit(ctx, info, nil, func(p *pending, base *view) error {
		keys, err := s.changedKeys(to, s.Edition())
		if err != nil {
			return err
		}
		for i, k := range keys {
			if i%progressEvery == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if err := restoreOne(p, base, k, to); err != nil {
				return err
			}
		}
		return nil
	})
}

func restoreOne(p *pending, base *view, k corpus.Key, to corpus.Edition) error {
	now, err := base.find(k, nil)
	if err != nil {
		return err
	}
	then, err := base.findAt(k, to, nil)
	if err != nil || now.hash() == then.hash() {
		return err
	}
	return p.put(k, now, then.line)
}

// edit publishes an edition of what f puts, and with it deletes some keys.
func (s *Store) edit(ctx context.Context, info EditionInfo, deletes [][]byte, f func(*pending, *view) error) (EditionInfo, error) {
	if strings.TrimSpace(info.Actor) == "" {
		return EditionInfo{}, ErrNoActor
	}
	if err := s.beginWrite(ctx); err != nil {
		return EditionInfo{}, err
	}
	defer s.endWrite()
	base, err := s.newView(s.Edition(), []byte(revisionPrefix))
	if err != nil {
		return EditionInfo{}, err
	}
	p := s.newPending()
	err = f(p, base)
	base.close()
	if err != nil {
		return EditionInfo{}, p.abandon(err)
	}
	return p.publish(ctx, info, deletes)
}

// A Draft is a record that an editor has saved and not yet published.
type Draft struct {
	Key    corpus.Key
	Actor  string         // who saved it last
	Time   time.Time      // when
	Base   corpus.Edition // the current edition at that time
	Record corpus.Record
}

// A storedDraft is the form of a Draft in the database.
type storedDraft struct {
	Actor string         `json:"actor"`
	Time  time.Time      `json:"time"`
	Base  corpus.Edition `json:"base"`
	Line  string         `json:"line"` // as text: encoding/json would rewrite a RawMessage
}

func (d storedDraft) draft(k corpus.Key) (Draft, error) {
	rec, err := record(k, []byte(d.Line))
	return Draft{k, d.Actor, d.Time, d.Base, rec}, err
}

func decodeDraft(k corpus.Key, value []byte) (d storedDraft, err error) {
	if err := json.Unmarshal(value, &d); err != nil {
		return d, fmt.Errorf("draft %s: %w: %w", k, ErrDamaged, err)
	}
	return d, nil
}

// SaveDraft keeps rec as the draft of its key in place of an earlier one. A
// record that does not validate is refused with its *corpus.FieldErrors.
func (s *Store) SaveDraft(ctx context.Context, actor string, rec corpus.Record) error {
	line, err := encode(rec)
	if err != nil {
		return err
	}
	entry, err := newAudit(actor, "draft.save", rec.Key().String(), "")
	if err != nil {
		return err
	}
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	value, err := json.Marshal(storedDraft{actor, time.Now().UTC(), s.Edition(), string(line)})
	if err != nil {
		return fmt.Errorf("draft %s: %w", rec.Key(), err)
	}
	return s.writeAudited(ctx, entry, draftKey(rec.Key()), value)
}

// writeAudited sets one key, or deletes it if value is nil, and says so in the
// audit log.
func (s *Store) writeAudited(ctx context.Context, entry *AuditEntry, key, value []byte) error {
	c := &commit{audit: entry}
	if value == nil {
		c.deletes = [][]byte{key}
	} else {
		c.sets = []pair{{key, value}}
	}
	_, err := s.commit(context.WithoutCancel(ctx), c)
	return err
}

// Draft returns the draft of k, or corpus.ErrNotFound.
func (s *Store) Draft(k corpus.Key) (Draft, error) {
	if err := s.begin(); err != nil {
		return Draft{}, err
	}
	defer s.end()
	d, err := s.storedDraft(k)
	if err != nil {
		return Draft{}, err
	}
	return d.draft(k)
}

func (s *Store) storedDraft(k corpus.Key) (storedDraft, error) {
	value, err := s.get(draftKey(k))
	if err != nil {
		return storedDraft{}, err
	}
	if value == nil {
		return storedDraft{}, fmt.Errorf("draft %s: %w", k, corpus.ErrNotFound)
	}
	return decodeDraft(k, value)
}

// Drafts returns all drafts in key order.
func (s *Store) Drafts() ([]Draft, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	var all []Draft
	err := s.scan([]byte(draftPrefix), func(key, value []byte) error {
		k, err := parseRecordKey(key[len(draftPrefix):])
		if err != nil {
			return err
		}
		stored, err := decodeDraft(k, value)
		if err != nil {
			return err
		}
		d, err := stored.draft(k)
		all = append(all, d)
		return err
	})
	return all, err
}

// DropDraft removes the draft of k, or returns corpus.ErrNotFound.
func (s *Store) DropDraft(ctx context.Context, actor string, k corpus.Key) error {
	entry, err := newAudit(actor, "draft.drop", k.String(), "")
	if err != nil {
		return err
	}
	if err := s.beginWrite(ctx); err != nil {
		return err
	}
	defer s.endWrite()
	if _, err := s.storedDraft(k); err != nil {
		return err
	}
	return s.writeAudited(ctx, entry, draftKey(k), nil)
}

// PublishDrafts publishes an edition with the drafts of the given keys, which
// cease to be drafts in the same moment. If one of them has no draft the error
// is corpus.ErrNotFound; if all of them equal the current edition it is
// ErrUnchanged. Nothing is published then and the drafts stay.
func (s *Store) PublishDrafts(ctx context.Context, actor, note string, keys []corpus.Key) (EditionInfo, error) {
	if len(keys) > MaxKeys {
		return EditionInfo{}, ErrTooMany
	}
	keys = distinct(keys)
	var deletes [][]byte
	for _, k := range keys {
		deletes = append(deletes, draftKey(k))
	}
	info := EditionInfo{Actor: actor, Note: note, Kind: "drafts"}
	return s.edit(ctx, info, deletes, func(p *pending, base *view) error {
		for _, k := range keys {
			if err := s.publishDraft(p, base, k); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) publishDraft(p *pending, base *view, k corpus.Key) error {
	d, err := s.storedDraft(k)
	if err != nil {
		return err
	}
	before, err := base.find(k, nil)
	if err != nil || before.hash() == corpus.HashOf([]byte(d.Line)) {
		return err
	}
	return p.put(k, before, []byte(d.Line))
}
