// Package webhook tells other systems what has happened: an edition was
// published, a question found no answer, somebody was not content or left a
// message, a guide is due for review.
//
// Its promise is that nothing is lost and that whatever is sent twice says so.
// The event is the fact in the journal. For each endpoint the queue is a place
// in the journal, kept on the disk: an event is behind that place only when the
// receiver has accepted it, or when it stands among the dead letters, where
// staff see it and can send it again. A crash between a receiver's acceptance
// and the note of it sends the event a second time under the same id, by which
// the receiver knows it.
//
// What is sent holds no citizen's words, names or numbers: a receiver that may
// read them reads them over the API with a key.
//
// Headers and signature are those of Standard Webhooks, so that receivers find
// a library in their own language.
package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

var (
	// ErrBadEndpoint means that an endpoint's name, address or events cannot
	// be accepted; the error says why.
	ErrBadEndpoint = errors.New("接收地址无效")

	// ErrExists means that an endpoint of that name is there already.
	ErrExists = errors.New("已有同名的接收地址")
)

// The kinds of documents in the store.
const (
	kindEndpoint = "webhook"       // audited: who added, changed, removed
	kindProgress = "webhook.queue" // written after every delivery
	kindDead     = "webhook.dead"
)

// Algorithms of signatures.
const (
	SHA256 = "hmac-sha256"
	SM3    = "hmac-sm3"
)

// An Endpoint is a receiver: where events go, which, and how they are signed.
type Endpoint struct {
	Name      string    `json:"name"`
	URL       string    `json:"url"`
	Events    []string  `json:"events"`    // of EventNames; empty means all
	Algorithm string    `json:"algorithm"` // SHA256 or SM3
	Secret    string    `json:"secret,omitempty"`
	Previous  string    `json:"previous,omitempty"` // still signs beside Secret until PreviousUntil
	Until     time.Time `json:"previousUntil,omitzero"`
	Stopped   string    `json:"stopped,omitempty"` // why nothing is sent; "" while it is
	Created   time.Time `json:"created"`
	By        string    `json:"by"` // who added it
}

// wants reports whether the endpoint is told of an event.
func (e *Endpoint) wants(name string) bool {
	return len(e.Events) == 0 || slices.Contains(e.Events, name)
}

// secrets lists the secrets that sign now.
func (e *Endpoint) secrets(now time.Time) []string {
	if e.Previous != "" && now.Before(e.Until) {
		return []string{e.Secret, e.Previous}
	}
	return []string{e.Secret}
}

// Progress is how far an endpoint's queue has come.
type Progress struct {
	After     uint64    `json:"after"`              // facts of the journal up to here are dealt with
	Failures  int       `json:"failures,omitempty"` // in a row: the endpoint does not answer
	Refusals  int       `json:"refusals,omitempty"` // of the event at the head: the endpoint does not want it
	RetryAt   time.Time `json:"retryAt,omitzero"`
	Error     string    `json:"error,omitempty"` // of the last attempt
	Tried     time.Time `json:"tried,omitzero"`
	Accepted  time.Time `json:"accepted,omitzero"` // when the last event was accepted
	Delivered uint64    `json:"delivered"`         // events accepted so far
}

// A Dead letter is an event that an endpoint would not take.
type Dead struct {
	Endpoint string    `json:"endpoint"`
	Seq      uint64    `json:"seq"` // of the fact
	ID       string    `json:"id"`  // of the event
	Event    string    `json:"event"`
	Time     time.Time `json:"time"` // when it happened
	Given    time.Time `json:"givenUp"`
	Error    string    `json:"error"`           // of the last attempt
	Again    bool      `json:"again,omitempty"` // is to be sent again
}

// A Status is what staff see of an endpoint; it holds no secret.
type Status struct {
	Endpoint
	Progress
	Behind uint64 `json:"behind"` // facts of the journal not yet dealt with
	Dead   int    `json:"dead"`   // dead letters
}

const maxDead = 10_000 // listed at once

var endpointName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)

// Add makes an endpoint and returns it with its secret, which is not shown
// again. Events from now on are sent to it.
func (q *Queue) Add(ctx context.Context, actor string, e Endpoint) (Endpoint, error) {
	if e.Name == "" {
		e.Name = nameOf(e.URL)
	}
	if !endpointName.MatchString(e.Name) {
		return Endpoint{}, fmt.Errorf("%w：名称 %q 只能用小写字母、数字和 -，最多 32 个", ErrBadEndpoint, e.Name)
	}
	if e.Algorithm == "" {
		e.Algorithm = SHA256
	}
	if e.Algorithm != SHA256 && e.Algorithm != SM3 {
		return Endpoint{}, fmt.Errorf("%w：签名算法 %q 应为 %s 或 %s", ErrBadEndpoint, e.Algorithm, SHA256, SM3)
	}
	for _, name := range e.Events {
		if !slices.Contains(EventNames(), name) {
			return Endpoint{}, fmt.Errorf("%w：没有事件 %q，应为 %s", ErrBadEndpoint, name, strings.Join(EventNames(), "、"))
		}
	}
	if err := q.guard.checkURL(e.URL); err != nil {
		return Endpoint{}, err
	}
	e.Secret, e.Previous, e.Stopped, e.By, e.Created = newSecret(), "", "", actor, q.now().UTC().Truncate(time.Second)
	e.Until = time.Time{}
	// The place in the journal first: an endpoint without one would be told
	// of everything that ever happened.
	start := Progress{After: q.store.LastFact()}
	err := put(ctx, q, actor, kindProgress, e.Name, func(p *Progress) (*Progress, error) {
		if p != nil {
			if there, err := get[Endpoint](q, kindEndpoint, e.Name); err != nil || there != nil {
				return nil, errors.Join(err, ErrExists)
			}
		}
		return &start, nil
	})
	if err == nil {
		err = put(ctx, q, actor, kindEndpoint, e.Name, func(old *Endpoint) (*Endpoint, error) {
			if old != nil {
				return nil, ErrExists
			}
			return &e, nil
		})
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("%s：%w", e.Name, err)
	}
	q.changed()
	return e, nil
}

// nameOf makes a name of an address.
func nameOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	host, _, _ := strings.Cut(rest, "/")
	host = strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	return strings.Trim(host[:min(len(host), 32)], "-")
}

// Remove takes an endpoint away, with its queue and its dead letters.
func (q *Queue) Remove(ctx context.Context, actor, name string) error {
	if err := q.change(ctx, actor, name, func(*Endpoint) *Endpoint { return nil }); err != nil {
		return err
	}
	dead, err := q.Dead(name)
	if err != nil {
		return err
	}
	for i := range dead {
		if err := q.drop(ctx, kindDead, dead[i].key()); err != nil {
			return err
		}
	}
	return q.drop(ctx, kindProgress, name)
}

// rotation is how long both secrets sign after a rotation.
const rotation = 24 * time.Hour

// Rotate gives an endpoint a new secret and returns it. For a day the old one
// signs beside it.
func (q *Queue) Rotate(ctx context.Context, actor, name string) (Endpoint, error) {
	var made Endpoint
	err := q.change(ctx, actor, name, func(e *Endpoint) *Endpoint {
		e.Previous, e.Until, e.Secret = e.Secret, q.now().UTC().Add(rotation).Truncate(time.Second), newSecret()
		made = *e
		return e
	})
	return made, err
}

// Resume sends to an endpoint that was stopped, and to one that does not
// answer at once instead of when it is due.
func (q *Queue) Resume(ctx context.Context, actor, name string) error {
	if err := q.change(ctx, actor, name, func(e *Endpoint) *Endpoint { e.Stopped = ""; return e }); err != nil {
		return err
	}
	return q.note(ctx, name, func(p *Progress) { p.RetryAt = time.Time{} })
}

// change changes an endpoint, or returns corpus.ErrNotFound.
func (q *Queue) change(ctx context.Context, actor, name string, change func(*Endpoint) *Endpoint) error {
	err := put(ctx, q, actor, kindEndpoint, name, func(old *Endpoint) (*Endpoint, error) {
		if old == nil {
			return nil, corpus.ErrNotFound
		}
		return change(old), nil
	})
	if err != nil {
		return fmt.Errorf("接收地址 %s：%w", name, err)
	}
	q.changed()
	return nil
}

// List returns every endpoint by name, without secrets.
func (q *Queue) List() ([]Status, error) {
	endpoints, err := q.endpoints()
	if err != nil {
		return nil, err
	}
	list := make([]Status, 0, len(endpoints))
	for _, e := range endpoints {
		p, err := q.progress(e.Name)
		if err != nil {
			return nil, err
		}
		dead, err := q.Dead(e.Name)
		if err != nil {
			return nil, err
		}
		s := Status{Endpoint: e, Progress: p, Dead: len(dead)}
		s.Secret, s.Previous = "", ""
		s.Behind = q.store.LastFact() - max(p.After, q.seen(e.Name))
		list = append(list, s)
	}
	return list, nil
}

func (q *Queue) endpoints() (list []Endpoint, err error) {
	docs, err := q.store.Docs(kindEndpoint, "", maxDead)
	for _, d := range docs {
		e, err := decode[Endpoint](d.Value)
		if err != nil {
			return nil, fmt.Errorf("webhook %s: %w", d.ID, err)
		}
		list = append(list, *e)
	}
	return list, err
}

func (d *Dead) key() string { return deadKey(d.Endpoint, d.Seq) }

// deadKey sorts an endpoint's dead letters in the order of the journal. A name
// never holds a slash.
func deadKey(endpoint string, seq uint64) string { return fmt.Sprintf("%s/%020d", endpoint, seq) }

// Dead lists an endpoint's dead letters, oldest first; those of all endpoints
// if name is empty.
func (q *Queue) Dead(name string) ([]Dead, error) {
	after, list := "", []Dead{}
	if name != "" {
		after = name + "/"
	}
	docs, err := q.store.Docs(kindDead, after, maxDead)
	if err != nil {
		return nil, err
	}
	for _, doc := range docs {
		d, err := decode[Dead](doc.Value)
		if err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", doc.ID, err)
		}
		if name != "" && d.Endpoint != name {
			break
		}
		list = append(list, *d)
	}
	return list, nil
}

// Replay has dead letters of an endpoint sent again, all of them if none is
// named, and returns how many.
func (q *Queue) Replay(ctx context.Context, actor, name string, seqs ...uint64) (n int, err error) {
	if e, err := get[Endpoint](q, kindEndpoint, name); err != nil || e == nil {
		return 0, errors.Join(err, fmt.Errorf("接收地址 %s：%w", name, corpus.ErrNotFound))
	}
	dead, err := q.Dead(name)
	if err != nil {
		return 0, err
	}
	for i := range dead {
		if len(seqs) > 0 && !slices.Contains(seqs, dead[i].Seq) {
			continue
		}
		err := put(ctx, q, actor, kindDead, dead[i].key(), func(d *Dead) (*Dead, error) {
			if d != nil {
				d.Again = true
			}
			return d, nil
		})
		if err != nil {
			return n, err
		}
		n++
	}
	if n > 0 {
		err = q.store.Audit(ctx, actor, "webhook.replay", name, fmt.Sprintf("%d 条", n))
	}
	q.changed()
	return n, err
}

// decode reads a document; nil is none.
func decode[T any](value []byte) (*T, error) {
	if value == nil {
		return nil, nil //nolint:nilnil // no document
	}
	v := new(T)
	if err := json.Unmarshal(value, v); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrDamaged, err)
	}
	return v, nil
}

func get[T any](q *Queue, kind, id string) (*T, error) {
	value, err := q.store.Doc(kind, id)
	if err != nil {
		return nil, err
	}
	return decode[T](value)
}

// put changes a document; change gets nil if there is none and returns nil to
// delete it.
func put[T any](ctx context.Context, q *Queue, actor, kind, id string, change func(*T) (*T, error)) error {
	return q.store.PutDoc(ctx, actor, kind, id, func(old []byte) ([]byte, error) {
		v, err := decode[T](old)
		if err != nil {
			return nil, err
		}
		if v, err = change(v); err != nil || v == nil {
			return nil, err
		}
		return json.Marshal(v)
	})
}

func (q *Queue) drop(ctx context.Context, kind, id string) error {
	return q.store.PutDoc(ctx, store.BySystem, kind, id, func([]byte) ([]byte, error) { return nil, nil })
}

func (q *Queue) progress(name string) (Progress, error) {
	p, err := get[Progress](q, kindProgress, name)
	if err != nil || p == nil {
		return Progress{}, err
	}
	return *p, nil
}

// note changes an endpoint's progress. One that was removed meanwhile gets none.
func (q *Queue) note(ctx context.Context, name string, change func(*Progress)) error {
	return put(ctx, q, store.BySystem, kindProgress, name, func(p *Progress) (*Progress, error) {
		if p != nil {
			change(p)
		}
		return p, nil
	})
}

// Wanted reports whether any endpoint is told of an event.
func (q *Queue) Wanted(name string) bool {
	endpoints, err := q.endpoints()
	if err != nil {
		q.log.Error("webhook", "err", err)
		return false
	}
	return slices.ContainsFunc(endpoints, func(e Endpoint) bool { return e.wants(name) })
}
