package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dgraph-io/badger/v4"
)

// Who acts where no account does. An account cannot have one of these names.
const (
	ByCommand = "命令" // somebody at the command line
	BySystem  = "系统" // the program itself
	ByCitizen = "群众" // what a citizen leaves is a fact of the journal and not audited
)

// ErrNoActor means that a writing call does not say who acts. Nothing is
// written then.
var ErrNoActor = errors.New("缺少操作人")

// An AuditEntry says who did what to what. Each entry's hash covers its own
// content and the hash of the entry before, so that none can be changed, left
// out or put in between without all later hashes being wrong.
type AuditEntry struct {
	Seq    uint64    `json:"seq"` // from 1
	Time   time.Time `json:"time"`
	Actor  string    `json:"actor"`            // an account, key:NAME, or one of the By constants
	Action string    `json:"action"`           // as edition.import, user.roles, login
	Object string    `json:"object,omitempty"` // what it was done to
	Detail string    `json:"detail,omitempty"`
	Hash   string    `json:"hash"` // SHA-256 in hexadecimal
}

// An AuditHead is where the audit log ends. Kept elsewhere, it later proves
// that the log still holds all that it held then.
type AuditHead struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"` // of the entry Seq; empty for an empty log
}

// String writes a head as ParseAuditHead reads it.
func (h AuditHead) String() string { return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash }

// ErrBadHead means that a text is not the head of an audit log.
var ErrBadHead = errors.New("存证应形如 序号:散列")

// ParseAuditHead reads what String wrote, or returns ErrBadHead.
func ParseAuditHead(text string) (AuditHead, error) {
	seq, hash, ok := strings.Cut(strings.TrimSpace(text), ":")
	n, err := strconv.ParseUint(seq, 10, 64)
	sum, hexErr := hex.DecodeString(hash)
	if !ok || err != nil || hexErr != nil || n == 0 || len(sum) != sha256.Size {
		return AuditHead{}, fmt.Errorf("%w：%q", ErrBadHead, text)
	}
	return AuditHead{n, strings.ToLower(hash)}, nil
}

// The longest texts of an entry, in bytes; what is longer is cut.
const (
	maxAuditName   = 256
	maxAuditDetail = 4 << 10
)

// auditText makes a text fit for a line of a log: valid, without control
// characters, and not too long.
func auditText(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "�"))
	if len(text) <= most {
		return text
	}
	cut := most - len("…")
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}

// newAudit is an entry that has no place in the log yet.
func newAudit(actor, action, object, detail string) (*AuditEntry, error) {
	actor = auditText(strings.TrimSpace(actor), maxAuditName)
	if actor == "" {
		return nil, ErrNoActor
	}
	return &AuditEntry{
		Time: time.Now().UTC().Truncate(time.Microsecond), Actor: actor, Action: auditText(action, maxAuditName),
		Object: auditText(object, maxAuditName), Detail: auditText(detail, maxAuditDetail),
	}, nil
}

// sum is the entry's hash behind an entry with the hash prev.
func (e AuditEntry) sum(prev string) string {
	h := sha256.New()
	for _, part := range []string{prev, strconv.FormatUint(e.Seq, 10), e.Time.UTC().Format(time.RFC3339Nano), e.Actor, e.Action, e.Object, e.Detail} {
		var n [numberLen]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part))) // so that no text can pass into its neighbour
		h.Write(n[:])
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// follow gives the entry its place behind head and returns the new head and
// the value to store.
func (e *AuditEntry) follow(head AuditHead) (AuditHead, []byte, error) {
	e.Seq = head.Seq + 1
	e.Hash = e.sum(head.Hash)
	value, err := json.Marshal(e)
	return AuditHead{e.Seq, e.Hash}, value, err
}

// decodeAudit reads an entry and holds it against its key and its hash.
func decodeAudit(key, value []byte, prev string) (AuditEntry, error) {
	var e AuditEntry
	if len(key) != len(auditPrefix)+numberLen {
		return e, fmt.Errorf("%w: audit key %q", ErrDamaged, key)
	}
	if err := json.Unmarshal(value, &e); err != nil {
		return e, fmt.Errorf("%w：审计记录第 %d 条：%w", ErrDamaged, number(key), err)
	}
	if e.Seq != number(key) || e.Hash != e.sum(prev) {
		return e, fmt.Errorf("%w：审计记录第 %d 条与散列链不符", ErrDamaged, number(key))
	}
	return e, nil
}

// Audit adds an entry for what changes nothing: a login, a sensitive read.
// Changes are audited by the calls that make them. The entry is on the disk
// when Audit returns.
func (s *Store) Audit(ctx context.Context, actor, action, object, detail string) error {
	entry, err := newAudit(actor, action, object, detail)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end()
	_, err = s.commit(ctx, &commit{audit: entry})
	return err
}

// AuditHead returns where the audit log ends.
func (s *Store) AuditHead() AuditHead { return *s.audited.Load() }

// AuditTrail yields the entries after the given one in order, as they are when
// the loop begins, and holds each against the hash chain. It ends with an
// error where the chain is broken.
func (s *Store) AuditTrail(after uint64) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		if err := s.begin(); err != nil {
			yield(AuditEntry{}, err)
			return
		}
		defer s.end()
		err := s.auditTrail(after, yield)
		if err != nil && !errors.Is(err, errStopped) {
			yield(AuditEntry{}, classify(err))
		}
	}
}

func (s *Store) auditTrail(after uint64, yield func(AuditEntry, error) bool) error {
	end := s.AuditHead() // before the snapshot, which then holds at least that
	return s.readTxn(func(txn *badger.Txn) error {
		prev, err := hashAt(txn, after)
		if err != nil {
			return err
		}
		it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(auditPrefix)})
		defer it.Close()
		for it.Seek(auditKey(after + 1)); it.Valid() && after < end.Seq; it.Next() {
			if seq := number(it.Item().Key()); seq != after+1 {
				return fmt.Errorf("%w：审计记录第 %d 条之后是第 %d 条", ErrDamaged, after, seq)
			}
			var e AuditEntry
			if err := it.Item().Value(func(v []byte) (err error) {
				e, err = decodeAudit(it.Item().Key(), v, prev)
				return err
			}); err != nil {
				return err
			}
			after, prev = e.Seq, e.Hash
			if !yield(e, nil) {
				return errStopped
			}
		}
		return atHead(end, AuditHead{after, prev})
	})
}

// atHead fails if a log that was known to end at want ends at got.
func atHead(want, got AuditHead) error {
	switch {
	case got.Seq < want.Seq:
		return fmt.Errorf("%w：审计记录应有 %d 条，只有 %d 条", ErrDamaged, want.Seq, got.Seq)
	case got.Seq == want.Seq && got.Hash != want.Hash:
		return fmt.Errorf("%w：审计记录第 %d 条与已确认的散列不符", ErrDamaged, got.Seq)
	}
	return nil
}

// hashAt is the hash that entry seq says it has; "" for 0.
func hashAt(txn *badger.Txn, seq uint64) (hash string, err error) {
	if seq == 0 {
		return "", nil
	}
	item, err := txn.Get(auditKey(seq))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return "", fmt.Errorf("%w：没有审计记录第 %d 条", ErrDamaged, seq)
	}
	if err != nil {
		return "", err
	}
	var e AuditEntry
	if err := item.Value(func(v []byte) error { return json.Unmarshal(v, &e) }); err != nil {
		return "", fmt.Errorf("%w：审计记录第 %d 条：%w", ErrDamaged, seq, err)
	}
	return e.Hash, nil
}

// AuditBefore yields the entries before the given one, 0 for the end, newest
// first, without looking at the chain: it is for pages, AuditTrail for proof.
func (s *Store) AuditBefore(before uint64) iter.Seq2[AuditEntry, error] {
	return func(yield func(AuditEntry, error) bool) {
		if err := s.begin(); err != nil {
			yield(AuditEntry{}, err)
			return
		}
		defer s.end()
		err := s.readTxn(func(txn *badger.Txn) error {
			it := txn.NewIterator(badger.IteratorOptions{Reverse: true, Prefix: []byte(auditPrefix)})
			defer it.Close()
			for it.Seek(auditKey(before - 1)); it.Valid(); it.Next() { // 0 wraps to the end
				var e AuditEntry
				if err := it.Item().Value(func(v []byte) error { return json.Unmarshal(v, &e) }); err != nil {
					return fmt.Errorf("%w：审计记录第 %d 条：%w", ErrDamaged, number(it.Item().Key()), err)
				}
				if !yield(e, nil) {
					return errStopped
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(AuditEntry{}, classify(err))
		}
	}
}

// VerifyAudit walks through the whole audit log and returns where it ends. It
// must agree with itself, with where this process knows it to end, and with
// the heads that were kept elsewhere; else the error is ErrDamaged.
func (s *Store) VerifyAudit(ctx context.Context, kept ...AuditHead) (AuditHead, error) {
	wanted := map[uint64]string{}
	for _, k := range kept {
		if was, ok := wanted[k.Seq]; ok && was != k.Hash {
			return AuditHead{}, fmt.Errorf("%w：两份存证的第 %d 条互不相同", ErrDamaged, k.Seq)
		}
		wanted[k.Seq] = k.Hash
	}
	var head AuditHead
	for e, err := range s.AuditTrail(0) {
		if err != nil {
			return head, err
		}
		if e.Seq%progressEvery == 0 && ctx.Err() != nil {
			return head, ctx.Err()
		}
		if hash, ok := wanted[e.Seq]; ok && hash != e.Hash {
			return head, fmt.Errorf("%w：审计记录第 %d 条与存证不符", ErrDamaged, e.Seq)
		}
		head = AuditHead{e.Seq, e.Hash}
	}
	for _, k := range kept {
		if k.Seq > head.Seq {
			return head, fmt.Errorf("%w：存证有第 %d 条，审计记录只到第 %d 条", ErrDamaged, k.Seq, head.Seq)
		}
	}
	return head, nil
}

// lastAudit reads where the audit log on the disk ends.
func (s *Store) lastAudit() (AuditHead, error) {
	key, value, err := s.lastOf(auditPrefix)
	if err != nil || key == nil {
		return AuditHead{}, err
	}
	var e AuditEntry
	if err := json.Unmarshal(value, &e); err != nil || e.Seq != number(key) {
		return AuditHead{}, fmt.Errorf("%w：审计记录第 %d 条（%w）", ErrDamaged, number(key), err)
	}
	return AuditHead{e.Seq, e.Hash}, nil
}
