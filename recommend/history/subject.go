package history

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/recommend"
)

// events returns a person's newest events, at most limit, the newest first,
// each of the matter as it is called now. A negative limit means all.
func (s *Store) events(ctx context.Context, key recommend.PersonKey, limit int) ([]Event, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.ops.Done()
	s.dropping.RLock()
	defer s.dropping.RUnlock()
	var events []Event
	prefix := personal(eventPrefix, key)
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 20})
		defer it.Close()
		for it.Seek(prefix); it.Valid() && (limit < 0 || len(events) < limit); it.Next() {
			item := it.Item()
			err := item.Value(func(v []byte) error {
				k, err := decodeEvent(item.Key(), v)
				k.event.Matter = s.current(k.event.Matter)
				events = append(events, k.event)
				return err
			})
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	})
	return events, err
}

// Steps turns events into the steps of a query.
func Steps(events []Event) []recommend.Step {
	steps := make([]recommend.Step, 0, len(events))
	for _, e := range events {
		if act, ok := recommend.ParseAct(e.Type, e.Value); ok {
			steps = append(steps, recommend.Step{Matter: e.Matter, At: e.Time, Act: act})
		}
	}
	return steps
}

// Personalize changes what is known of a person. It holds from the next call
// on. A switch that is off, and a minor, leave nothing to be read.
func (s *Store) Personalize(ctx context.Context, subject string, change func(*Profile)) (Profile, error) {
	key, err := s.Person(subject)
	if err != nil {
		return Profile{}, err
	}
	var p Profile
	err = s.submit(ctx, &request{do: func() error {
		p = s.Profile(key)
		change(&p)
		if p.Region != "" && !p.Region.Valid() {
			return fmt.Errorf("%w：行政区划代码 %q", ErrBadEvent, p.Region)
		}
		err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(personal(profilePrefix, key), mustJSON(p)) })
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.profiles[key] = p
		s.mu.Unlock()
		s.model.Quiet(key, !p.Personal())
		return nil
	}})
	return p, err
}

// An Export is all that is kept of a subject.
type Export struct {
	Profile Profile `json:"profile"`
	Events  []Event `json:"events"` // the newest first
}

// Export returns all that is kept of a subject.
func (s *Store) Export(ctx context.Context, subject string) (Export, error) {
	key, err := s.Person(subject)
	if err != nil {
		return Export{}, err
	}
	events, err := s.events(ctx, key, -1)
	return Export{s.Profile(key), slices.Concat([]Event{}, events)}, err
}

// An Erasure says what was erased.
type Erasure struct {
	Events int       `json:"events"`
	At     time.Time `json:"at"`
}

// Erase takes a subject out of the counts and off the disk, profile too. When
// it returns, no file of the folder has a byte of the person's keys or values
// any more. The switch is forgotten with the rest; who wants to stay out sets
// it again.
func (s *Store) Erase(ctx context.Context, subject string) (Erasure, error) {
	key, err := s.Person(subject)
	if err != nil {
		return Erasure{}, err
	}
	var done Erasure
	err = s.submit(ctx, &request{do: func() error {
		done = Erasure{Events: len(s.model.Visits(key)), At: s.opts.Now().UTC().Truncate(time.Second)}
		r, err := s.intend(key, math.MaxInt64)
		if err != nil {
			return err
		}
		s.model.Set(key, nil)
		if err := s.saveCounts(); err != nil {
			return err
		}
		return s.takeAway(key, r)
	}})
	return done, err
}

// intend notes a removal before any of it is done.
func (s *Store) intend(key recommend.PersonKey, before int64) (removal, error) {
	s.seq++
	s.since++
	r := removal{Seq: s.seq, Before: before}
	return r, s.db.Update(func(txn *badger.Txn) error { return txn.Set(personal(removalPrefix, key), mustJSON(r)) })
}

// takeAway deletes what a removal names, once a checkpoint counts without it.
func (s *Store) takeAway(key recommend.PersonKey, r removal) error {
	if !r.all() {
		return s.deleteOlder(key, r.Before)
	}
	s.mu.Lock()
	delete(s.profiles, key)
	s.mu.Unlock()
	s.dropping.Lock()
	defer s.dropping.Unlock()
	// Deleting would leave the bytes until a compaction happened by. This
	// writes the tables again that have them, now.
	err := s.db.DropPrefix(personal(eventPrefix, key), personal(takenPrefix, key), personal(profilePrefix, key))
	if err != nil {
		return err
	}
	return s.db.DropPrefix(personal(removalPrefix, key))
}

// deleteOlder deletes a person's events before a time.
func (s *Store) deleteOlder(key recommend.PersonKey, before int64) error {
	var keys [][]byte
	err := s.db.View(func(txn *badger.Txn) error {
		prefix := personal(eventPrefix, key)
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 20})
		defer it.Close()
		for it.Seek(eventKey(key, before-1, math.MaxUint64)); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(v []byte) error {
				k, err := decodeEvent(item.Key(), v)
				keys = append(keys, item.KeyCopy(nil), takenKey(key, &k.event))
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.deleteKeys(append(keys, personal(removalPrefix, key)))
}

// expire takes away what is older than it may be kept.
func (s *Store) expire() error {
	oldest := s.oldest()
	removals := map[recommend.PersonKey]removal{}
	for _, key := range s.model.Older(oldest) {
		r, err := s.intend(key, oldest)
		if err != nil {
			return err
		}
		removals[key] = r
		visits := s.model.Visits(key)
		visits = slices.DeleteFunc(visits, func(v recommend.Visit) bool { return v.At < oldest })
		s.model.Set(key, visits)
	}
	if len(removals) == 0 {
		return nil
	}
	if err := s.saveCounts(); err != nil {
		return err
	}
	for key, r := range removals {
		if err := s.takeAway(key, r); err != nil {
			return err
		}
	}
	s.opts.Log.Info("history: old events taken away", "people", len(removals))
	return nil
}

// Expire takes away at once what is older than it may be kept; the writer
// does so every hour.
func (s *Store) Expire(ctx context.Context) error {
	return s.submit(ctx, &request{do: s.expire})
}

// Succeed says that a matter was merged into another or replaced by it: what
// people did with the old one counts for the new from now on.
func (s *Store) Succeed(ctx context.Context, old, to string) error {
	return s.submit(ctx, &request{do: func() error { return s.succeed(old, to) }})
}

func (s *Store) succeed(old, to string) error {
	s.mu.RLock()
	had, ok := s.successors[old]
	s.mu.RUnlock()
	switch {
	case old == "" || to == "" || old == to || len(old) > maxText || len(to) > maxText:
		return fmt.Errorf("%w：%q 由 %q 接续", ErrBadEvent, old, to)
	case s.current(to) == old:
		return fmt.Errorf("%w：%q 与 %q 互相接续", ErrBadEvent, old, to)
	case ok && had.to == to:
		return nil
	}
	// Numbers first: the histories are to be counted under the new one.
	was, freshOld := s.model.Matter(s.current(old))
	number, fresh := s.model.Matter(to)
	s.seq++
	s.since++
	next := succession{to, s.seq}
	err := s.db.Update(func(txn *badger.Txn) error {
		if freshOld {
			if err := txn.Set(matterKey(was), []byte(s.model.Code(was))); err != nil {
				return err
			}
		}
		if fresh {
			if err := txn.Set(matterKey(number), []byte(to)); err != nil {
				return err
			}
		}
		return txn.Set(append([]byte(successorPrefix), old...), mustJSON(successor{to, next.seq}))
	})
	if err != nil {
		s.fail(err)
		return err
	}
	s.mu.Lock()
	s.successors[old] = next
	s.mu.Unlock()
	return s.recount(was)
}

// recount reads again the histories that have a matter whose name changed.
func (s *Store) recount(number uint32) error {
	for _, key := range s.model.Having(number) {
		var visits []recommend.Visit
		prefix := personal(eventPrefix, key)
		err := s.each(string(prefix), func(k, v []byte) error {
			e, err := decodeEvent(k, v)
			visits = append(visits, s.visit(&e))
			return err
		})
		if err != nil {
			return err
		}
		slices.Reverse(visits)
		s.model.Set(key, visits)
	}
	return nil
}

// Check counts every history again and compares: it returns how many parts of
// the counts differ, which must be none.
func (s *Store) Check(ctx context.Context) (differ int, err error) {
	err = s.submit(ctx, &request{do: func() error {
		differ = s.model.Differs(s.model.Recounted())
		return nil
	}})
	return differ, err
}

// Followed is the edition of the corpus up to which successions have been
// told; 0 if none.
func (s *Store) Followed() (edition uint64) {
	err := s.each(followedPrefix, func(_, v []byte) error {
		n, err := strconv.ParseUint(string(v), 10, 64)
		edition = n
		return err
	})
	if err != nil {
		s.opts.Log.Error("history: edition", "err", err)
		return 0 // to be told again does no harm
	}
	return edition
}

// Follow notes that the successions of all editions up to this are told.
func (s *Store) Follow(ctx context.Context, edition uint64) error {
	return s.submit(ctx, &request{do: func() error {
		return s.db.Update(func(txn *badger.Txn) error {
			return txn.Set([]byte(followedPrefix), strconv.AppendUint(nil, edition, 10))
		})
	}})
}
