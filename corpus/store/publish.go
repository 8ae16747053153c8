package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
)

// MaxKeys is the greatest number of records that Remove takes at once.
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

// edit publishes an edition of what f puts. The drafts that have become a part
// of it are deleted before it returns; if a crash comes before, by the next
// Open, which finds the mark that is written with the edition.
func (s *Store) edit(ctx context.Context, info EditionInfo, drafts []corpus.Key, f func(*pending, *view) error) (EditionInfo, error) {
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
	if len(drafts) == 0 {
		return p.publish(ctx, info)
	}
	mark := pair{[]byte(clearingKey), binary.BigEndian.AppendUint64(nil, uint64(p.number))}
	published, err := p.publish(ctx, info, mark)
	if err != nil {
		return published, err
	}
	if err := s.clearDrafts(drafts); err != nil {
		s.log.Error("published drafts not deleted yet", "edition", published.Number, "err", err)
	}
	return published, nil
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
