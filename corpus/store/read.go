package store

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/govqa/govqa/corpus"
)

// A view reads records at one edition. Its iterator is kept, because making
// one costs more than a look-up. It is for one goroutine, which closes it.
type view struct {
	txn     *badger.Txn
	it      *badger.Iterator
	edition corpus.Edition
}

func (s *Store) newView(e corpus.Edition, prefix []byte) (v *view, err error) {
	txn := s.db.NewTransaction(false)
	defer func() {
		if err != nil {
			txn.Discard()
		}
	}()
	defer s.stopped(&err)
	return &view{txn, txn.NewIterator(badger.IteratorOptions{Prefix: prefix}), e}, nil
}

func (v *view) close() {
	v.it.Close()
	v.txn.Discard()
}

// find returns the revision of k that counts at the view's edition. The line
// of the zero revision and of a tombstone is nil. If buf is not nil, the line
// lies in it and is good until buf is used again.
func (v *view) find(k corpus.Key, buf *[]byte) (revision, error) {
	return v.findAt(k, v.edition, buf)
}

func (v *view) findAt(k corpus.Key, e corpus.Edition, buf *[]byte) (revision, error) {
	prefix := recordPrefix(k)
	v.it.Seek(revisionKey(k, e))
	if !v.it.Valid() {
		return revision{}, nil
	}
	key := v.it.Item().Key()
	if len(key) != len(prefix)+numberLen || !bytes.HasPrefix(key, prefix) {
		return revision{}, nil
	}
	if buf == nil {
		buf = new([]byte)
	}
	var err error
	if *buf, err = v.it.Item().ValueCopy(*buf); err != nil {
		return revision{}, fmt.Errorf("%s: %w", k, classify(err))
	}
	r, err := decodeRevision(corpus.Edition(^number(key)), *buf)
	if err != nil {
		return revision{}, fmt.Errorf("%s: %w", k, err)
	}
	return r, nil
}

// record reads the line of a revision. A line that was written is valid, so
// anything else is damage.
func record(k corpus.Key, line []byte) (corpus.Record, error) {
	rec, err := corpus.Unmarshal(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", k, ErrDamaged, err)
	}
	return rec, nil
}

// Get returns a record of the current edition, or corpus.ErrNotFound.
func (s *Store) Get(k corpus.Key) (corpus.Record, error) {
	return s.GetAt(s.Edition(), k)
}

// GetAt returns a record as it was in edition e. The error is
// corpus.ErrNotFound if the edition does not have it, and ErrNoEdition if
// there is no such edition.
func (s *Store) GetAt(e corpus.Edition, k corpus.Key) (corpus.Record, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	if err := s.published(e); err != nil {
		return nil, err
	}
	r, err := s.lookup(e, k)
	if err != nil {
		return nil, err
	}
	if r.line == nil {
		return nil, fmt.Errorf("%s: edition %d: %w", k, e, corpus.ErrNotFound)
	}
	return record(k, r.line)
}

func (s *Store) lookup(e corpus.Edition, k corpus.Key) (revision, error) {
	v, err := s.newView(e, recordPrefix(k))
	if err != nil {
		return revision{}, err
	}
	defer v.close()
	return v.find(k, nil)
}

// Guide returns the guide of that code in the current edition, or
// corpus.ErrNotFound.
func (s *Store) Guide(code string) (*corpus.Guide, error) {
	k := corpus.Key{Type: corpus.TypeGuide, ID: code}
	rec, err := s.Get(k)
	if err != nil {
		return nil, err
	}
	g, ok := rec.(*corpus.Guide)
	if !ok {
		return nil, fmt.Errorf("%s: %w: holds a %T", k, ErrDamaged, rec)
	}
	return g, nil
}

// All yields the records of one type in edition e, in the order of their ids.
// The empty type stands for all types, one after the other in the order of
// the types' names. It yields one error and ends if the edition is not
// published, the store is closed, or a record is missing or damaged.
func (s *Store) All(e corpus.Edition, t corpus.Type) iter.Seq2[corpus.Record, error] {
	return func(yield func(corpus.Record, error) bool) {
		for l, err := range s.lines(e, t) {
			var rec corpus.Record
			if err == nil {
				rec, err = record(l.key, l.line)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// A keyed is a line and the record that it holds. The line is the holder's
// only until the next one is asked for.
type keyed struct {
	key  corpus.Key
	line []byte
}

// lines is All without reading the lines.
func (s *Store) lines(e corpus.Edition, t corpus.Type) iter.Seq2[keyed, error] {
	return func(yield func(keyed, error) bool) {
		if err := s.begin(); err != nil {
			yield(keyed{}, err)
			return
		}
		defer s.end()
		info, err := s.editionAt(e)
		if err != nil {
			yield(keyed{}, err)
			return
		}
		want := info.Total()
		prefix := []byte(revisionPrefix)
		if t != "" {
			want = info.Records[t]
			prefix = append(append(prefix, t...), '/')
		}
		v, err := s.newView(e, prefix)
		if err != nil {
			yield(keyed{}, err)
			return
		}
		defer v.close()
		n, err := v.each(yield)
		// Badger's iterator ends without a word when it cannot read on.
		if err == nil && n != want {
			err = fmt.Errorf("%w: edition %d has %d records of type %q, %d can be read", ErrDamaged, e, want, t, n)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(keyed{}, err)
		}
	}
}

// each yields every record of the view and returns how many there were.
func (v *view) each(yield func(keyed, error) bool) (n int, err error) {
	var done []byte // the record whose revision has been chosen
	for v.it.Rewind(); v.it.Valid(); v.it.Next() {
		item := v.it.Item()
		name := item.Key()
		if len(name) <= numberLen {
			return n, fmt.Errorf("%w: revision key %q", ErrDamaged, name)
		}
		e := corpus.Edition(^number(name))
		name = name[:len(name)-numberLen]
		if e > v.edition || bytes.Equal(name, done) {
			continue
		}
		done = append(done[:0], name...)
		l, err := v.line()
		if err != nil {
			return n, err
		}
		if l.line == nil {
			continue
		}
		if n++; !yield(l, nil) {
			return n, errStopped
		}
	}
	return n, nil
}

// line reads the revision under the iterator.
func (v *view) line() (l keyed, err error) {
	item := v.it.Item()
	k, e, err := parseRevisionKey(item.Key())
	if err != nil {
		return l, err
	}
	value, err := item.ValueCopy(nil)
	if err != nil {
		return l, fmt.Errorf("%s: %w", k, classify(err))
	}
	r, err := decodeRevision(e, value)
	return keyed{k, r.line}, err
}

// Changes yields every record that was changed in an edition after the first
// and up to the second, once, in key order, as it is in edition upTo. A view
// at edition after that applies them is at edition upTo. A record that was
// changed and changed back is yielded too. The error is ErrNoEdition if upTo
// is not published or after is later than it: such a view was computed from
// another store and must be built again.
func (s *Store) Changes(after, upTo corpus.Edition) iter.Seq2[corpus.Change, error] {
	return func(yield func(corpus.Change, error) bool) {
		if err := s.begin(); err != nil {
			yield(corpus.Change{}, err)
			return
		}
		defer s.end()
		keys, err := s.changedKeys(after, upTo)
		if err != nil {
			yield(corpus.Change{}, err)
			return
		}
		v, err := s.newView(upTo, []byte(revisionPrefix))
		if err != nil {
			yield(corpus.Change{}, err)
			return
		}
		defer v.close()
		for _, k := range keys {
			c, err := v.change(k)
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (v *view) change(k corpus.Key) (corpus.Change, error) {
	r, err := v.find(k, nil)
	if err != nil || r.line == nil {
		return corpus.Change{Key: k}, err
	}
	rec, err := record(k, r.line)
	return corpus.Change{Key: k, Record: rec}, err
}

// changedKeys returns the keys that editions in (after, upTo] changed, sorted.
func (s *Store) changedKeys(after, upTo corpus.Edition) ([]corpus.Key, error) {
	if err := s.published(upTo); err != nil {
		return nil, err
	}
	if after > upTo {
		return nil, fmt.Errorf("edition %d, up to %d: %w", after, upTo, ErrNoEdition)
	}
	set := map[corpus.Key]bool{}
	for e := after + 1; e <= upTo; e++ {
		changes, err := s.changesOf(e)
		if err != nil {
			return nil, err
		}
		for k := range changes {
			set[k] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), compareKeys), nil
}

// changesOf reads the changes of one published edition; there are as many as
// its header says.
func (s *Store) changesOf(e corpus.Edition) (map[corpus.Key]change, error) {
	info, err := s.editionAt(e)
	if err != nil {
		return nil, err
	}
	changes := make(map[corpus.Key]change, info.Added+info.Changed+info.Removed)
	err = s.scan(editionPrefix(e), func(key, value []byte) error {
		k, _, err := parseChangeKey(key)
		if err == nil {
			changes[k], err = decodeChange(value)
		}
		return err
	})
	if n := info.Added + info.Changed + info.Removed; err == nil && n != len(changes) {
		err = fmt.Errorf("%w: edition %d has %d changes, %d can be read", ErrDamaged, e, n, len(changes))
	}
	return changes, err
}

func compareKeys(a, b corpus.Key) int {
	return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
}

// A Revision is one entry in the history of a record.
type Revision struct {
	Edition corpus.Edition
	Number  uint64 // from 1
	Op      Op
	Hash    corpus.Hash   // zero when removed
	Record  corpus.Record // nil when removed
}

// History returns the published revisions of a record, newest first, or
// corpus.ErrNotFound if there never was one.
func (s *Store) History(k corpus.Key) ([]Revision, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	current := s.Edition()
	var all []Revision
	err := s.scan(recordPrefix(k), func(key, value []byte) error {
		e := corpus.Edition(^number(key))
		if e > current || len(key) != len(recordPrefix(k))+numberLen {
			return nil
		}
		rev, err := s.revision(k, e, value)
		all = append(all, rev)
		return err
	})
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
	}
	return all, err
}

func (s *Store) revision(k corpus.Key, e corpus.Edition, value []byte) (Revision, error) {
	r, err := decodeRevision(e, value)
	if err != nil {
		return Revision{}, err
	}
	text, err := s.get(changeKey(e, k))
	if err != nil {
		return Revision{}, err
	}
	c, err := decodeChange(text)
	if err != nil {
		return Revision{}, fmt.Errorf("%s: edition %d: %w", k, e, err)
	}
	rev := Revision{Edition: e, Number: r.number, Op: c.op, Hash: c.after}
	if r.line != nil {
		rev.Record, err = record(k, r.line)
	}
	return rev, err
}
