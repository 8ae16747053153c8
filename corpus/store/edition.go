package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/corpus"
)

// EditionInfo is the header of an edition: when, by whom and why it was
// published, what it changed, and what the whole of it adds up to.
type EditionInfo struct {
	Number  corpus.Edition      `json:"number"`
	Time    time.Time           `json:"time"`
	Actor   string              `json:"actor"`
	Kind    string              `json:"kind"` // import, remove, drafts or rollback
	Note    string              `json:"note,omitempty"`
	Added   int                 `json:"added"`
	Changed int                 `json:"changed"`
	Removed int                 `json:"removed"`
	Records map[corpus.Type]int `json:"records"` // how many records the edition holds
	Sum     string              `json:"sum"`     // identifies the content: equal sums, equal editions
}

// Total is the number of records that the edition holds.
func (e EditionInfo) Total() int {
	n := 0
	for _, c := range e.Records {
		n += c
	}
	return n
}

// Edition returns the number of the current edition, 0 before the first.
func (s *Store) Edition() corpus.Edition { return s.current.Load().Number }

// Current returns the header of the current edition; the zero header before
// the first.
func (s *Store) Current() EditionInfo { return s.current.Load().clone() }

func (e EditionInfo) clone() EditionInfo {
	records := make(map[corpus.Type]int, len(e.Records))
	for t, n := range e.Records {
		records[t] = n
	}
	e.Records = records
	return e
}

// Editions returns the header of every edition, oldest first.
func (s *Store) Editions() ([]EditionInfo, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	current := s.Edition()
	var all []EditionInfo
	err := s.scan([]byte(headerPrefix), func(key, value []byte) error {
		info, err := decodeHeader(key, value)
		if err == nil && info.Number <= current {
			all = append(all, info)
		}
		return err
	})
	if err == nil && len(all) != int(current) {
		err = fmt.Errorf("%w: %d headers of %d editions", ErrDamaged, len(all), current)
	}
	return all, err
}

// EditionAt returns the header of one edition, or ErrNoEdition.
func (s *Store) EditionAt(e corpus.Edition) (EditionInfo, error) {
	if err := s.begin(); err != nil {
		return EditionInfo{}, err
	}
	defer s.end()
	return s.editionAt(e)
}

// Sum identifies the content of an edition: equal sums, equal editions. That
// of edition 0 is empty.
func (s *Store) Sum(e corpus.Edition) (string, error) {
	info, err := s.EditionAt(e)
	return info.Sum, err
}

func (s *Store) editionAt(e corpus.Edition) (EditionInfo, error) {
	if e == 0 {
		return EditionInfo{}, nil
	}
	if err := s.published(e); err != nil {
		return EditionInfo{}, err
	}
	value, err := s.get(headerKey(e))
	if err != nil {
		return EditionInfo{}, err
	}
	if value == nil {
		return EditionInfo{}, fmt.Errorf("%w: header of edition %d is missing", ErrDamaged, e)
	}
	return decodeHeader(headerKey(e), value)
}

// published fails if e is yet to come.
func (s *Store) published(e corpus.Edition) error {
	if now := s.Edition(); e > now {
		return fmt.Errorf("edition %d: %w（现为 %d）", e, ErrNoEdition, now)
	}
	return nil
}

func decodeHeader(key, value []byte) (EditionInfo, error) {
	var info EditionInfo
	if len(key) != len(headerPrefix)+numberLen {
		return info, fmt.Errorf("%w: header key %q", ErrDamaged, key)
	}
	if err := json.Unmarshal(value, &info); err != nil {
		return info, fmt.Errorf("%w: header of edition %d: %w", ErrDamaged, number(key), err)
	}
	if uint64(info.Number) != number(key) {
		return info, fmt.Errorf("%w: header of edition %d says %d", ErrDamaged, number(key), info.Number)
	}
	return info, nil
}

// lastEdition reads the newest header, the zero one if there is none.
func (s *Store) lastEdition() (EditionInfo, error) {
	key, value, err := s.lastOf(headerPrefix)
	if err != nil || key == nil {
		return EditionInfo{}, err
	}
	return decodeHeader(key, value)
}

// scan calls f for every key with the prefix, in order. The slices are f's
// only until it returns.
func (s *Store) scan(prefix []byte, f func(key, value []byte) error) error {
	return classify(s.readTxn(func(txn *badger.Txn) error { return scan(txn, prefix, f) }))
}

func scan(txn *badger.Txn, prefix []byte, f func(key, value []byte) error) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if err := item.Value(func(v []byte) error { return f(item.Key(), v) }); err != nil {
			return err
		}
	}
	return nil
}

// Follow waits until an edition after the given one is current and returns
// its number. A view that follows in a loop misses none: when it was slow it
// is told the newest and applies what [Store.Changes] says has happened since.
func (s *Store) Follow(ctx context.Context, after corpus.Edition) (corpus.Edition, error) {
	return follow(ctx, s, &s.next, after, s.Edition)
}

// follow waits until now is past after. The channel is closed and replaced
// whenever now has grown.
func follow[N corpus.Edition | uint64](ctx context.Context, s *Store, grown *chan struct{}, after N, now func() N) (N, error) {
	for {
		s.state.Lock()
		next := *grown
		s.state.Unlock()
		if n := now(); n > after {
			return n, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return now(), ctx.Err()
		case <-s.stop:
			return now(), ErrClosed
		}
	}
}

// announce wakes who follows.
func announce(state *sync.Mutex, grown *chan struct{}) {
	state.Lock()
	defer state.Unlock()
	close(*grown)
	*grown = make(chan struct{})
}

// A pending is an edition in the making: revisions on the disk that no reader
// sees, because the header is missing. The caller holds the writer's slot and
// ends it with publish or abandon.
type pending struct {
	s      *Store
	number corpus.Edition
	txn    *badger.Txn
	bytes  int
	count  int
}

const (
	pendingBytes = 400 << 10
	pendingCount = 1000
)

func (s *Store) newPending() *pending {
	return &pending{s: s, number: s.Edition() + 1, txn: s.db.NewTransaction(true)}
}

// put gives the record of k a new content, nil to remove it.
func (p *pending) put(k corpus.Key, before revision, line []byte) error {
	after := revision{edition: p.number, number: before.number + 1, line: line}
	err := p.set(revisionKey(k, p.number), after.encode())
	if err == nil {
		err = p.set(changeKey(p.number, k), changeOf(before, after).encode())
	}
	if err == nil && (p.bytes >= pendingBytes || p.count >= pendingCount) {
		err = p.flush()
	}
	return err
}

func (p *pending) set(key, value []byte) error {
	p.bytes += len(key) + len(value)
	p.count++
	return classify(p.txn.Set(key, value))
}

// drop takes back what put did for k.
func (p *pending) drop(k corpus.Key) error {
	for _, key := range [][]byte{revisionKey(k, p.number), changeKey(p.number, k)} {
		p.bytes += len(key)
		p.count++
		if err := classify(p.txn.Delete(key)); err != nil {
			return err
		}
	}
	if p.count >= pendingCount {
		return p.flush()
	}
	return nil
}

// flush writes what has gathered. A record's revision and its change are
// always in the same transaction.
func (p *pending) flush() error {
	defer p.renew()
	if p.count == 0 {
		return nil
	}
	if err := p.s.writable(); err != nil {
		return err
	}
	return p.s.commitTxn(p.txn)
}

func (p *pending) renew() {
	p.txn.Discard()
	p.txn = p.s.db.NewTransaction(true)
	p.bytes, p.count = 0, 0
}

// abandon takes back everything. If that cannot be done, the rest is removed
// when the store is opened again, and until then nothing more can be written.
// After a commit that was cut short nothing may be taken back: the header may
// be in the log, and then the edition exists.
func (p *pending) abandon(cause error) error {
	p.txn.Discard()
	if p.s.broken.Load() != nil {
		return cause
	}
	err := p.s.dropPending(p.number)
	if err != nil {
		err = fmt.Errorf("edition %d: unpublished records remain: %w", p.number, err)
		p.s.broken.CompareAndSwap(nil, &err)
	}
	return errors.Join(cause, err)
}

// publish makes the edition exist. Its counts and sum come from what is on
// the disk, not from what the caller believes to have written. With nothing
// changed there is no new edition and the error is ErrUnchanged. What is also
// to be written is, in the same transaction as the header.
func (p *pending) publish(ctx context.Context, info EditionInfo, also ...pair) (EditionInfo, error) {
	if err := p.flush(); err != nil {
		return EditionInfo{}, p.abandon(err)
	}
	p.txn.Discard()
	c, err := p.prepare(&info)
	if err == nil && info.Added+info.Changed+info.Removed == 0 {
		return EditionInfo{}, ErrUnchanged
	}
	if err == nil {
		err = ctx.Err() // the last moment at which it can be called off
	}
	if err != nil {
		return EditionInfo{}, p.abandon(err)
	}
	c.sets = append(c.sets, also...)
	if _, err := p.s.commit(context.WithoutCancel(ctx), c); err != nil {
		return EditionInfo{}, p.abandon(fmt.Errorf("edition %d: %w", p.number, err))
	}
	return info.clone(), nil
}

// prepare completes the header and builds the commit that writes it.
func (p *pending) prepare(info *EditionInfo) (*commit, error) {
	base := p.s.Current()
	info.Number, info.Time, info.Records = p.number, time.Now().UTC(), base.Records
	total, err := parseSum(base.Sum)
	if err != nil {
		return nil, err
	}
	if err := p.s.scan(editionPrefix(p.number), func(key, value []byte) error {
		k, _, err := parseChangeKey(key)
		if err != nil {
			return err
		}
		c, err := decodeChange(value)
		if err != nil {
			return err
		}
		info.count(k.Type, c.op)
		total.apply(k, c)
		return nil
	}); err != nil {
		return nil, err
	}
	info.Sum = total.String()
	header, err := json.Marshal(info)
	if err != nil {
		return nil, err
	}
	fact, err := json.Marshal(Fact{Type: FactEdition, Time: info.Time, Data: header})
	if err != nil {
		return nil, err
	}
	entry, err := newAudit(info.Actor, "edition."+info.Kind, fmt.Sprint(p.number), info.said())
	return &commit{fact: fact, sets: []pair{{headerKey(p.number), header}}, info: info, audit: entry}, err
}

// said is what the edition changed, for the audit log.
func (e *EditionInfo) said() string {
	text := fmt.Sprintf("新增 %d 修改 %d 删除 %d 合计 %d", e.Added, e.Changed, e.Removed, e.Total())
	if e.Note != "" {
		text += "；" + e.Note
	}
	return text
}

func (e *EditionInfo) count(t corpus.Type, op Op) {
	switch op {
	case OpAdd:
		e.Added++
		e.Records[t]++
	case OpChange:
		e.Changed++
	case OpRemove:
		e.Removed++
		if e.Records[t]--; e.Records[t] == 0 {
			delete(e.Records, t)
		}
	}
}

// dropPending removes what was written for edition e and never published.
func (s *Store) dropPending(e corpus.Edition) error {
	for {
		keys, err := s.pendingKeys(e, pendingCount/2)
		if err != nil || len(keys) == 0 {
			return err
		}
		s.log.Info("removing unpublished records", "edition", e, "records", len(keys)/2)
		txn := s.db.NewTransaction(true)
		for _, key := range keys {
			err = errors.Join(err, txn.Delete(key))
		}
		if err == nil {
			err = s.commitTxn(txn)
		}
		txn.Discard()
		if err != nil {
			return classify(err)
		}
	}
}

// pendingKeys returns the keys of at most n records of editions from e on.
func (s *Store) pendingKeys(e corpus.Edition, n int) (keys [][]byte, err error) {
	err = s.readTxn(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(changePrefix)})
		defer it.Close()
		for it.Seek(numbered(changePrefix, uint64(e))); it.Valid() && len(keys) < 2*n; it.Next() {
			key := it.Item().KeyCopy(nil)
			k, of, err := parseChangeKey(key)
			if err != nil {
				return err
			}
			keys = append(keys, revisionKey(k, of), key)
		}
		return nil
	})
	return keys, classify(err)
}
