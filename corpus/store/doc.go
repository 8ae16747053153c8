package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"regexp"
	"unicode"
	"unicode/utf8"

	"github.com/dgraph-io/badger/v4"
)

// A Doc is a working document of staff or of the program: what is neither
// published nor a fact of the journal, as a gap of the corpus, a call at the
// desk, a column mapping, a session.
type Doc struct {
	ID    string
	Value []byte
}

// MaxDoc is the greatest length in bytes of a document.
const MaxDoc = 8 << 20

// ErrBadDoc means that a document's kind, id or length is not acceptable.
var ErrBadDoc = errors.New("文档无效")

var docKind = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,31}$`)

// maxDocID is the length of the longest id, in bytes.
const maxDocID = 512

// unaudited reports whether the changes of a kind of documents leave no trace
// in the audit log, because they are no acts of anybody: queues, counters and
// what every request touches. The list is here, in one place, so that whoever
// reviews the log sees all that is not in it.
func unaudited(kind string) bool {
	switch kind {
	case "session", // logins and log-outs are audited by themselves
		"apikey.use",    // when a key was last used
		"apikey.used",   // how often, today
		"link",          // what a check found a link to be; that it was begun is audited
		"webhook.queue", // how far an endpoint has been told
		"webhook.dead",  // what it would not take; sending it again is audited by itself
		"wechat.state",  // where a conversation stands
		"review.told",   // that a review is due was told
		"call.day",      // where a past call is kept; call.past itself is audited
		"call":          // a call under way: each line changes it; call.past, which it becomes, is audited
		return true
	}
	return false
}

func checkDoc(kind, id string) error {
	if !docKind.MatchString(kind) {
		return fmt.Errorf("%w：类型 %q", ErrBadDoc, kind)
	}
	odd := func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }
	if id == "" || len(id) > maxDocID || bytes.ContainsFunc([]byte(id), odd) {
		return fmt.Errorf("%w：%s 的编号 %q", ErrBadDoc, kind, id)
	}
	return nil
}

func docsPrefix(kind string) []byte { return []byte(docPrefix + kind + "/") }

func docKey(kind, id string) []byte { return append(docsPrefix(kind), id...) }

// stripes is how many documents can be changed at once.
const stripes = 64

// lockKey keeps others from changing the value of key. The caller calls unlock
// when the error is nil.
func (s *Store) lockKey(ctx context.Context, key []byte) (unlock func(), err error) {
	slot := s.keys[maphash.Bytes(s.seed, key)%stripes]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.stop:
		return nil, ErrClosed
	}
}

// PutDoc makes of a document what change makes of it: change gets the value
// there is, nil if there is none, and returns the new one, nil to delete it.
// Nobody else changes the document meanwhile, and change must call nothing
// that writes. An error of change is returned as it is, and nothing is
// written. The change is audited with the kind as its action and the id as
// its object, unless the kind is one of the few that are not.
func (s *Store) PutDoc(ctx context.Context, actor, kind, id string, change func(old []byte) ([]byte, error)) error {
	if err := checkDoc(kind, id); err != nil {
		return err
	}
	entry, err := newAudit(actor, kind, id, "")
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	key := docKey(kind, id)
	unlock, err := s.lockKey(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := s.get(key)
	if err != nil {
		return err
	}
	value, err := change(bytes.Clone(old))
	if err != nil {
		return err
	}
	c, err := docCommit(key, old, value)
	if err != nil || c == nil {
		return err
	}
	if !unaudited(kind) {
		entry.Detail = c.said
		c.audit = entry
	}
	_, err = s.commit(context.WithoutCancel(ctx), c)
	return err
}

// docCommit builds the commit of a changed document, nil if it is unchanged.
func docCommit(key, old, value []byte) (*commit, error) {
	switch {
	case len(value) > MaxDoc:
		return nil, fmt.Errorf("%w：%q 有 %d 字节，最多 %d 字节", ErrBadDoc, key[len(docPrefix):], len(value), MaxDoc)
	case old == nil && value == nil, old != nil && value != nil && bytes.Equal(old, value):
		return nil, nil
	case value == nil:
		return &commit{deletes: [][]byte{key}, said: OpRemove.String()}, nil
	case old == nil:
		return &commit{sets: []pair{{key, bytes.Clone(value)}}, said: OpAdd.String()}, nil
	}
	return &commit{sets: []pair{{key, bytes.Clone(value)}}, said: OpChange.String()}, nil
}

// Doc returns the value of a document, nil if there is none.
func (s *Store) Doc(kind, id string) ([]byte, error) {
	if err := checkDoc(kind, id); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	return s.get(docKey(kind, id))
}

// Docs returns at most limit documents of a kind whose ids come after the
// given one, in the order of their ids.
func (s *Store) Docs(kind, after string, limit int) ([]Doc, error) {
	if !docKind.MatchString(kind) {
		return nil, fmt.Errorf("%w：类型 %q", ErrBadDoc, kind)
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end()
	var list []Doc
	prefix := docsPrefix(kind)
	err := s.readTxn(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
		defer it.Close()
		it.Seek(docKey(kind, after))
		for ; it.Valid() && len(list) < limit; it.Next() {
			id := string(it.Item().Key()[len(prefix):])
			if id == after {
				continue
			}
			value, err := it.Item().ValueCopy([]byte{})
			if err != nil {
				return err
			}
			list = append(list, Doc{id, value})
		}
		return nil
	})
	return list, classify(err)
}
