package history

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/recommend"
)

// recover loads the folder: the counts as of the watermark, then every
// history. Where a history has what the watermark has not, the difference is
// counted, so the counts end as if there had been no crash.
func (s *Store) recover() error {
	if err := s.checkLayout(); err != nil {
		return err
	}
	if err := s.loadMatters(); err != nil {
		return err
	}
	mark, err := s.loadWatermark()
	if err != nil {
		return err
	}
	if err := s.loadCounts(mark.Checkpoint); err != nil {
		return err
	}
	if err := s.loadSmall(); err != nil {
		return err
	}
	removals, err := s.loadRemovals()
	if err != nil {
		return err
	}
	s.seq = max(s.seq, mark.Seq)
	s.checkpoint = mark.Checkpoint
	if err := s.loadHistories(mark, removals); err != nil {
		return err
	}
	s.written.Store(mark.Seq)
	if len(removals) == 0 && s.seq == mark.Seq {
		return nil
	}
	if err := s.Writable(); err != nil { // what is in memory is right; the disk can wait
		s.opts.Log.Warn("history: counts not written", "err", err)
		return nil
	}
	s.since++
	if err := s.saveCounts(); err != nil {
		return err
	}
	for key, r := range removals {
		if err := s.takeAway(key, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) checkLayout() error {
	return s.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte(layoutPrefix))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return txn.Set([]byte(layoutPrefix), []byte(strconv.Itoa(layoutNumber)))
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			if string(v) != strconv.Itoa(layoutNumber) {
				return fmt.Errorf("%w：%s", ErrLayout, v)
			}
			return nil
		})
	})
}

// each calls fn with each key and value of a prefix. Both are only lent.
func (s *Store) each(prefix string, fn func(key, value []byte) error) error {
	return s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(prefix), PrefetchValues: true, PrefetchSize: 100})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			if err := item.Value(func(v []byte) error { return fn(item.Key(), v) }); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) loadMatters() error {
	next := uint32(0)
	return s.each(matterPrefix, func(key, value []byte) error {
		if len(key) != len(matterPrefix)+4 || binary.BigEndian.Uint32(key[len(matterPrefix):]) != next {
			return fmt.Errorf("%w: matter %x", ErrDamaged, key)
		}
		next++
		s.model.Matter(string(value))
		return nil
	})
}

// loadWatermark returns the last checkpoint, or none when it was counted in
// another way.
func (s *Store) loadWatermark() (mark watermark, err error) {
	err = s.each(watermarkPrefix, func(_, value []byte) error { return json.Unmarshal(value, &mark) })
	if err != nil {
		return mark, fmt.Errorf("%w: watermark: %w", ErrDamaged, err)
	}
	if mark.Counting != s.opts.Params.Counting() {
		mark = watermark{}
	}
	return mark, nil
}

// loadCounts takes up the newest version of each chunk that the checkpoint
// has, and deletes all others.
func (s *Store) loadCounts(checkpoint uint64) error {
	var last, stale [][]byte
	err := s.each(chunkPrefix, func(key, value []byte) error {
		if len(key) < len(chunkPrefix)+8 {
			return fmt.Errorf("%w: chunk %x", ErrDamaged, key)
		}
		chunk := key[len(chunkPrefix) : len(key)-8]
		version := ^binary.BigEndian.Uint64(key[len(key)-8:])
		if version > checkpoint || len(last) > 0 && bytes.Equal(last[0], chunk) {
			stale = append(stale, bytes.Clone(key))
			return nil
		}
		last = [][]byte{bytes.Clone(chunk)}
		s.versions[string(chunk)] = version
		if err := s.model.TakeUp(recommend.Chunk{Key: chunk, Value: value}); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.deleteKeys(stale)
}

func (s *Store) deleteKeys(keys [][]byte) error {
	wb := s.db.NewWriteBatch()
	defer wb.Cancel()
	for _, k := range keys {
		if err := wb.Delete(k); err != nil {
			return err
		}
	}
	return wb.Flush()
}

// loadSmall loads profiles and successions.
func (s *Store) loadSmall() error {
	err := s.each(profilePrefix, func(key, value []byte) error {
		var p Profile
		if err := json.Unmarshal(value, &p); err != nil {
			return fmt.Errorf("%w: profile: %w", ErrDamaged, err)
		}
		s.profiles[recommend.PersonKey(key[len(profilePrefix):])] = p
		return nil
	})
	if err != nil {
		return err
	}
	return s.each(successorPrefix, func(key, value []byte) error {
		var to successor
		if err := json.Unmarshal(value, &to); err != nil {
			return fmt.Errorf("%w: successor: %w", ErrDamaged, err)
		}
		s.successors[string(key[len(successorPrefix):])] = succession{to.To, to.Seq}
		s.seq = max(s.seq, to.Seq)
		return nil
	})
}

func (s *Store) loadRemovals() (map[recommend.PersonKey]removal, error) {
	removals := map[recommend.PersonKey]removal{}
	err := s.each(removalPrefix, func(key, value []byte) error {
		var r removal
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("%w: removal: %w", ErrDamaged, err)
		}
		removals[recommend.PersonKey(key[len(removalPrefix):])] = r
		s.seq = max(s.seq, r.Seq)
		return nil
	})
	return removals, err
}

// loadHistories reads every event, person by person.
func (s *Store) loadHistories(mark watermark, removals map[recommend.PersonKey]removal) error {
	var person recommend.PersonKey
	var events []kept // of that person, the newest first
	flush := func() {
		if len(events) > 0 {
			slices.Reverse(events)
			r, taken := removals[person]
			s.loadHistory(person, events, mark, r, taken)
			events = events[:0]
		}
	}
	err := s.each(eventPrefix, func(key, value []byte) error {
		k, err := decodeEvent(key, value)
		if err != nil {
			return err
		}
		if k.key != person {
			flush()
			person = k.key
		}
		s.seq = max(s.seq, k.seq)
		events = append(events, k)
		return nil
	})
	if err != nil {
		return err
	}
	flush()
	for key, p := range s.profiles {
		s.model.Quiet(key, !p.Personal())
	}
	return nil
}

// loadHistory takes up one history as the watermark knew it, and then as it is.
func (s *Store) loadHistory(person recommend.PersonKey, events []kept, mark watermark, r removal, taken bool) {
	var known, now []recommend.Visit
	for i := range events {
		k := &events[i]
		gone := taken && k.event.Time.Unix() < r.Before
		if k.seq <= mark.Seq && !(gone && r.Seq <= mark.Seq) {
			known = append(known, s.visitAsOf(k, mark.Seq))
		}
		if !gone {
			now = append(now, s.visit(k))
		}
	}
	if len(known) > 0 {
		s.model.Load(person, known)
	}
	if !slices.Equal(known, now) {
		s.model.Set(person, now)
	}
}
