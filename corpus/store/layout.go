package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/govqa/govqa/corpus"
)

// The whole key layout. Numbers are 8 bytes, big-endian; a type and an id
// never hold a NUL or a slash (corpus validates them), so no key is a prefix
// of another key's id.
//
//	m/layout                      the number of this layout, in decimal
//	r/<type>/<id> NUL <^edition>  one revision of a record: its line, or a tombstone.
//	                              The edition is inverted, so that the newest comes first
//	                              and the state at edition N is the first key ≥ (id, ^N)
//	c/<edition>/<type>/<id>       that this edition changed that record: how, and from
//	                              which content to which. Written in one transaction with
//	                              its revision, so that what a crash leaves can be found
//	e/<edition>                   the header, EditionInfo as JSON. Written last: this key
//	                              alone makes the edition exist
//	j/<sequence>                  one fact of the journal, as JSON
//	d/<type>/<id>                 a draft, as JSON
//	m/clearing                    the number of an edition whose drafts are being deleted.
//	                              Written with its header; gone when they are
//	u/<name>                      a staff account, as JSON
//	a/<sequence>                  one entry of the audit log, as JSON. Written in the transaction
//	                              of what it tells of
//	w/<kind>/<id>                 a working document; a kind holds no slash
//
// Layout 1 had no audit log and no working documents, and accounts of one role.
const (
	layoutKey    = "m/layout"
	layoutNumber = 2
	clearingKey  = "m/clearing"
	firstLayout  = 1 // the oldest that is understood, and brought up to date by Open

	revisionPrefix = "r/"
	changePrefix   = "c/"
	headerPrefix   = "e/"
	factPrefix     = "j/"
	draftPrefix    = "d/"
	userPrefix     = "u/"
	auditPrefix    = "a/"
	docPrefix      = "w/"
)

const numberLen = 8

func numbered(prefix string, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte(prefix), n)
}

// number reads the number at the end of a key.
func number(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-numberLen:]) }

func headerKey(e corpus.Edition) []byte { return numbered(headerPrefix, uint64(e)) }

func factKey(seq uint64) []byte { return numbered(factPrefix, seq) }

func auditKey(seq uint64) []byte { return numbered(auditPrefix, seq) }

func draftKey(k corpus.Key) []byte { return []byte(draftPrefix + k.String()) }

// recordPrefix is what all revisions of one record begin with.
func recordPrefix(k corpus.Key) []byte {
	return append([]byte(revisionPrefix+k.String()), 0)
}

func revisionKey(k corpus.Key, e corpus.Edition) []byte {
	return binary.BigEndian.AppendUint64(recordPrefix(k), ^uint64(e))
}

// editionPrefix is what all changes of one edition begin with.
func editionPrefix(e corpus.Edition) []byte {
	return append(numbered(changePrefix, uint64(e)), '/')
}

func changeKey(e corpus.Edition, k corpus.Key) []byte {
	return append(editionPrefix(e), k.String()...)
}

func parseRecordKey(s []byte) (corpus.Key, error) {
	typ, id, ok := bytes.Cut(s, []byte("/"))
	if !ok || len(id) == 0 {
		return corpus.Key{}, fmt.Errorf("%w: key %q", ErrDamaged, s)
	}
	return corpus.Key{Type: corpus.Type(typ), ID: string(id)}, nil
}

func parseRevisionKey(key []byte) (corpus.Key, corpus.Edition, error) {
	body := bytes.TrimPrefix(key, []byte(revisionPrefix))
	if len(body) <= numberLen+1 || body[len(body)-numberLen-1] != 0 {
		return corpus.Key{}, 0, fmt.Errorf("%w: revision key %q", ErrDamaged, key)
	}
	k, err := parseRecordKey(body[:len(body)-numberLen-1])
	return k, corpus.Edition(^number(body)), err
}

func parseChangeKey(key []byte) (corpus.Key, corpus.Edition, error) {
	body := bytes.TrimPrefix(key, []byte(changePrefix))
	if len(body) <= numberLen+1 || body[numberLen] != '/' {
		return corpus.Key{}, 0, fmt.Errorf("%w: change key %q", ErrDamaged, key)
	}
	k, err := parseRecordKey(body[numberLen+1:])
	return k, corpus.Edition(number(body[:numberLen])), err
}

// The first byte of a revision.
const (
	markRecord    = 'r'
	markTombstone = 't'
)

// A revision is the content that one edition gave to one record. The zero
// revision stands for a record that never was.
type revision struct {
	edition corpus.Edition
	number  uint64 // counts the revisions of this record, from 1
	line    []byte // nil for a tombstone
}

// hash is the hash of the revision's content; a tombstone has none.
func (r revision) hash() (h corpus.Hash) {
	if r.line != nil {
		h = corpus.HashOf(r.line)
	}
	return h
}

func (r revision) encode() []byte {
	mark := byte(markRecord)
	if r.line == nil {
		mark = markTombstone
	}
	buf := make([]byte, 0, 1+binary.MaxVarintLen64+len(r.line))
	buf = binary.AppendUvarint(append(buf, mark), r.number)
	return append(buf, r.line...)
}

// decodeRevision keeps a slice of v as the line.
func decodeRevision(e corpus.Edition, v []byte) (revision, error) {
	if len(v) < 2 || (v[0] != markRecord && v[0] != markTombstone) {
		return revision{}, fmt.Errorf("%w: revision of %d bytes in edition %d", ErrDamaged, len(v), e)
	}
	n, w := binary.Uvarint(v[1:])
	if w <= 0 {
		return revision{}, fmt.Errorf("%w: revision number in edition %d", ErrDamaged, e)
	}
	r := revision{edition: e, number: n}
	if v[0] == markRecord {
		r.line = v[1+w:]
	}
	return r, nil
}

// An Op says what an edition did to a record.
type Op byte

// What an edition can do to a record.
const (
	OpAdd    Op = 'a'
	OpChange Op = 'c'
	OpRemove Op = 'r'
)

// String says the operation as an editor reads it.
func (o Op) String() string {
	switch o {
	case OpAdd:
		return "新增"
	case OpChange:
		return "修改"
	case OpRemove:
		return "删除"
	}
	return "未知"
}

// A change is the value of a change key.
type change struct {
	op     Op
	number uint64
	before corpus.Hash // zero when added
	after  corpus.Hash // zero when removed
}

func changeOf(before, after revision) change {
	c := change{op: OpChange, number: after.number, before: before.hash(), after: after.hash()}
	switch {
	case before.line == nil:
		c.op = OpAdd
	case after.line == nil:
		c.op = OpRemove
	}
	return c
}

func (c change) encode() []byte {
	buf := binary.AppendUvarint([]byte{byte(c.op)}, c.number)
	return append(append(buf, c.before[:]...), c.after[:]...)
}

func decodeChange(v []byte) (change, error) {
	if len(v) < 2 {
		return change{}, fmt.Errorf("%w: change of %d bytes", ErrDamaged, len(v))
	}
	n, w := binary.Uvarint(v[1:])
	if w <= 0 || len(v) != 1+w+2*sha256.Size {
		return change{}, fmt.Errorf("%w: change of %d bytes", ErrDamaged, len(v))
	}
	c := change{op: Op(v[0]), number: n}
	copy(c.before[:], v[1+w:])
	copy(c.after[:], v[1+w+sha256.Size:])
	return c, nil
}

// A sum identifies the whole content of an edition: the SHA-256 of each
// (key, content hash), added modulo 2^256. Addition makes it cheap to carry
// from one edition to the next, whatever the size of the corpus.
type sum [4]uint64

func term(k corpus.Key, h corpus.Hash) sum {
	d := sha256.Sum256(append(append([]byte(k.String()), 0), h[:]...))
	var t sum
	for i := range t {
		t[i] = binary.LittleEndian.Uint64(d[8*i:])
	}
	return t
}

func (s *sum) add(t sum) {
	var carry uint64
	for i := range s {
		s[i], carry = bits.Add64(s[i], t[i], carry)
	}
}

func (s *sum) sub(t sum) {
	var borrow uint64
	for i := range s {
		s[i], borrow = bits.Sub64(s[i], t[i], borrow)
	}
}

// apply carries the sum over one change.
func (s *sum) apply(k corpus.Key, c change) {
	if c.op != OpAdd {
		s.sub(term(k, c.before))
	}
	if c.op != OpRemove {
		s.add(term(k, c.after))
	}
}

func (s sum) String() string {
	return fmt.Sprintf("%016x%016x%016x%016x", s[3], s[2], s[1], s[0])
}

func parseSum(text string) (s sum, err error) {
	if text == "" {
		return s, nil
	}
	if _, err := fmt.Sscanf(text, "%016x%016x%016x%016x", &s[3], &s[2], &s[1], &s[0]); err != nil || len(text) != 64 {
		return s, fmt.Errorf("%w: sum %q", ErrDamaged, text)
	}
	return s, nil
}
