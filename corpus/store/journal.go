package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// MaxFact is the greatest length in bytes of a fact's data.
const MaxFact = 256 << 10

// ErrBadFact means that a fact has no type or that of a publication, or data
// that is not JSON or too long. Append returns it and keeps nothing.
var ErrBadFact = errors.New("事实记录无效")

// A Fact is one entry of the journal.
type Fact struct {
	Seq  uint64          `json:"-"` // its place in the journal, from 1; Append gives it
	Type string          `json:"type"`
	Time time.Time       `json:"time,omitzero"` // when it happened; if zero, Append sets now
	Data json.RawMessage `json:"data,omitempty"`

	Object string `json:"-"` // what it is about, for the audit log
}

// FactEdition is the type of the fact that every publication appends, in the
// transaction of the edition's header. Its data is the [EditionInfo].
const FactEdition = "edition"

func (f Fact) check() error {
	switch {
	case f.Type == "":
		return fmt.Errorf("%w：缺少类型", ErrBadFact)
	case len(f.Data) > MaxFact:
		return fmt.Errorf("%w：%s 有 %d 字节，最多 %d 字节", ErrBadFact, f.Type, len(f.Data), MaxFact)
	case len(f.Data) > 0 && !json.Valid(f.Data):
		return fmt.Errorf("%w：%s 的内容不是 JSON", ErrBadFact, f.Type)
	}
	return nil
}

// Append adds a fact to the journal and returns its sequence number, which is
// one more than that of the fact before. It is on the disk when Append
// returns. An error after ctx has ended leaves open whether it was written.
// The actor is who the fact is of, ByCitizen for what citizens leave; whatever
// others leave is audited with the fact's type as its action.
func (s *Store) Append(ctx context.Context, actor string, f Fact) (seq uint64, err error) {
	if err := f.check(); err != nil {
		return 0, err
	}
	entry, err := newAudit(actor, f.Type, f.Object, "")
	if err != nil {
		return 0, err
	}
	if actor == ByCitizen {
		entry = nil
	}
	if f.Type == FactEdition {
		return 0, fmt.Errorf("%w：类型 %s 只用于发布", ErrBadFact, f.Type)
	}
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.end()
	f.Time = cmp.Or(f.Time, time.Now()).UTC()
	value, err := json.Marshal(f)
	if err != nil {
		return 0, fmt.Errorf("fact %s: %w", f.Type, err)
	}
	return s.commit(ctx, &commit{fact: value, audit: entry})
}

// A commit is what one caller wants written at once: a fact, an entry of the
// audit log, the keys that change, and what else makes an edition.
type commit struct {
	fact    []byte      // nil if there is none
	audit   *AuditEntry // without its place; nil if there is none
	said    string      // what the change was, for the audit log
	sets    []pair
	deletes [][]byte
	info    *EditionInfo // becomes current
	seq     uint64
	done    chan error
}

type pair struct{ key, value []byte }

func (c *commit) size() int {
	n := len(c.fact) + 64*(2+len(c.sets)+len(c.deletes))
	if c.audit != nil {
		n += len(c.audit.Object) + len(c.audit.Detail) + 512
	}
	for _, p := range c.sets {
		n += len(p.key) + len(p.value)
	}
	return n
}

// commit hands c to the journal's goroutine and waits.
func (s *Store) commit(ctx context.Context, c *commit) (seq uint64, err error) {
	c.done = make(chan error, 1)
	select {
	case s.commits <- c:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	select {
	case err := <-c.done:
		return c.seq, err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// A group is held well under badger's limit for one transaction.
const (
	groupBytes = 400 << 10
	groupSize  = 1000
)

// A tail is where the journal and the audit log end.
type tail struct {
	fact  uint64
	audit AuditHead
}

// commitLoop is the only writer of the journal and of the audit log. Whatever has queued up while
// the disk was busy goes into one transaction, because badger forces the log
// to the disk for each transaction on its own.
func (s *Store) commitLoop(end tail) {
	defer s.loops.Done()
	var carried *commit
	for {
		first := carried
		if carried = nil; first == nil {
			c, ok := <-s.commits
			if !ok {
				return
			}
			first = c
		}
		group, size := []*commit{first}, first.size()
		for len(group) < groupSize {
			c := s.queued()
			if c == nil {
				break
			}
			if size += c.size(); size > groupBytes {
				carried = c
				break
			}
			group = append(group, c)
		}
		end = s.commitGroup(end, group)
	}
}

// queued returns a commit that is waiting, or nil.
func (s *Store) queued() *commit {
	select {
	case c := <-s.commits: // nil when closed
		return c
	default:
		return nil
	}
}

// commitGroup writes the group behind end and returns the new end.
func (s *Store) commitGroup(end tail, group []*commit) tail {
	err := s.writable()
	next := end
	if err == nil {
		next, err = s.writeGroup(end, group)
	}
	if err == nil {
		end = next
		s.acknowledge(end, group)
	}
	for _, c := range group {
		c.done <- err
	}
	return end
}

func (s *Store) writeGroup(end tail, group []*commit) (tail, error) {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	for _, c := range group {
		if err := c.write(txn, &end); err != nil {
			return end, fmt.Errorf("fact %d: %w", end.fact, classify(err))
		}
	}
	return end, s.commitTxn(txn)
}

// write writes a commit behind end, and moves end on.
func (c *commit) write(txn *badger.Txn, end *tail) (err error) {
	if c.fact != nil {
		end.fact++
		c.seq = end.fact
		err = txn.Set(factKey(c.seq), c.fact)
	}
	if c.audit != nil && err == nil {
		var value []byte
		if end.audit, value, err = c.audit.follow(end.audit); err == nil {
			err = txn.Set(auditKey(end.audit.Seq), value)
		}
	}
	for _, p := range c.sets {
		err = errors.Join(err, txn.Set(p.key, p.value))
	}
	for _, k := range c.deletes {
		err = errors.Join(err, txn.Delete(k))
	}
	return err
}

// acknowledge makes a written group known.
func (s *Store) acknowledge(end tail, group []*commit) {
	published := false
	for _, c := range group {
		if c.info != nil {
			s.current.Store(c.info)
			published = true
		}
	}
	s.audited.Store(&end.audit)
	if err := s.head.write(head{s.current.Load().Number, end.fact, end.audit}); err != nil {
		s.log.Warn("witness not written", "err", err)
	}
	s.last.Store(end.fact)
	announce(&s.state, &s.grown)
	if published {
		announce(&s.state, &s.next)
	}
}

// LastFact is the number of the last fact of the journal, 0 before the first.
func (s *Store) LastFact() uint64 { return s.last.Load() }

// FollowFacts waits until the journal has a fact after the given one and
// returns the number of the last. It ends with ctx's error, or ErrClosed.
func (s *Store) FollowFacts(ctx context.Context, after uint64) (uint64, error) {
	return follow(ctx, s, &s.grown, after, s.LastFact)
}

// lastFact returns the number of the last fact of the journal.
func (s *Store) lastFact() (seq uint64, err error) {
	key, _, err := s.lastOf(factPrefix)
	if key != nil {
		seq = number(key)
	}
	return seq, err
}

// lastOf returns the last key of a numbered prefix and its value, or nil.
func (s *Store) lastOf(prefix string) (key, value []byte, err error) {
	err = s.readTxn(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: []byte(prefix)})
		defer it.Close()
		it.Seek(numbered(prefix, ^uint64(0)))
		if !it.Valid() {
			return nil
		}
		key = it.Item().KeyCopy(nil)
		value, err = it.Item().ValueCopy([]byte{})
		return err
	})
	return key, value, classify(err)
}

// Facts yields the facts after the given sequence number in order, as they
// are when the loop begins. It ends with an error if the store is closed or
// the journal has a gap.
func (s *Store) Facts(after uint64) iter.Seq2[Fact, error] {
	return func(yield func(Fact, error) bool) {
		if err := s.begin(); err != nil {
			yield(Fact{}, err)
			return
		}
		defer s.end()
		last, err := s.lastFact()
		if err == nil && after < last {
			after, err = s.facts(after, last, yield)
		}
		switch {
		case errors.Is(err, errStopped):
		case err != nil:
			yield(Fact{}, err)
		case after < last:
			yield(Fact{}, fmt.Errorf("%w: journal ends at fact %d, not %d", ErrDamaged, after, last))
		}
	}
}

// errStopped means that the loop over a sequence was left.
var errStopped = errors.New("loop was left")

func (s *Store) facts(after, last uint64, yield func(Fact, error) bool) (uint64, error) {
	err := s.readTxn(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(factPrefix)})
		defer it.Close()
		for it.Seek(factKey(after + 1)); it.Valid() && after < last; it.Next() {
			if seq := number(it.Item().Key()); seq != after+1 {
				return fmt.Errorf("%w: fact %d follows fact %d", ErrDamaged, seq, after)
			}
			f := Fact{Seq: after + 1}
			if err := it.Item().Value(func(v []byte) error { return json.Unmarshal(v, &f) }); err != nil {
				return fmt.Errorf("%w: fact %d: %w", ErrDamaged, after+1, err)
			}
			after++
			if !yield(f, nil) {
				return errStopped
			}
		}
		return nil
	})
	return after, err
}
