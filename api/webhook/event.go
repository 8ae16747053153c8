package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// The events.
const (
	Published  = "content.published"
	Unanswered = "question.unanswered"
	Negative   = "feedback.negative"
	MessageIn  = "message.left"
	ReviewDue  = "review.due"
	OrderMade  = "order.created"
	testEvent  = "webhook.test" // sent on demand, never subscribed to
)

// EventNames lists the events that endpoints can be told of.
func EventNames() []string {
	return []string{Published, Unanswered, Negative, MessageIn, ReviewDue, OrderMade}
}

// FactNotice is the type of the facts that [Queue.Notify] appends.
const FactNotice = "notice"

// A notice is an event that is in no other fact.
type notice struct {
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// Notify journals an event that no other fact tells of, as that a guide is due
// for review. It is on the disk when Notify returns. The data must hold no
// personal data.
func (q *Queue) Notify(ctx context.Context, actor, event string, data any) error {
	if !slices.Contains(EventNames(), event) {
		return fmt.Errorf("event %q is unknown", event)
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s: %w", event, err)
	}
	fact, err := json.Marshal(notice{event, raw})
	if err != nil {
		return fmt.Errorf("event %s: %w", event, err)
	}
	_, err = q.store.Append(ctx, actor, store.Fact{Type: FactNotice, Data: fact})
	return err
}

// An event is a fact as it is told to the outside.
type event struct {
	seq  uint64
	id   string
	name string
	at   time.Time
	data any
}

// A body is what is sent.
type body struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      any       `json:"data"`
}

func (e *event) body() ([]byte, error) { return json.Marshal(body{e.name, e.at, e.data}) }

// idOf names the event of a fact for good. A sequence number alone would not
// do: after a restore from a backup it may be given again.
func idOf(f *store.Fact) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d\x00%s\x00%d\x00", f.Seq, f.Type, f.Time.UnixNano())
	h.Write(f.Data)
	return "evt_" + hex.EncodeToString(h.Sum(nil)[:16])
}

// The data of each event. What citizens wrote, and who they are, is not in it.
type (
	// An Edition tells of a publication.
	Edition struct {
		Edition corpus.Edition `json:"edition"`
		Added   int            `json:"added"`
		Changed int            `json:"changed"`
		Removed int            `json:"removed"`
		Records []Change       `json:"records"` // at most 100; all of them are in the export
	}
	// A Change is one record of a publication.
	Change struct {
		Type    string `json:"type"` // guide, faq, policy …
		Code    string `json:"code"`
		Removed bool   `json:"removed"`
	}
	// A Question tells of one that found no answer.
	Question struct {
		Answer  string            `json:"answer"` // id of the answer, under which staff find the question
		Outcome answer.Outcome    `json:"outcome"`
		Aspect  nlp.Aspect        `json:"aspect"`
		Region  corpus.RegionCode `json:"region,omitempty"`
		Edition corpus.Edition    `json:"edition"`
	}
	// A Rating tells of one who was not content.
	Rating struct {
		Answer  string   `json:"answer"`
		Reasons []string `json:"reasons"`
	}
	// A Letter tells of a message.
	Letter struct {
		Number   string            `json:"number"`
		Kind     string            `json:"kind"`
		Region   corpus.RegionCode `json:"region,omitempty"`
		Matter   string            `json:"matter,omitempty"`
		Received time.Time         `json:"received"`
	}
)

const maxChanges = 100

// eventOf tells what a fact means to the outside; ok is false if nothing.
func (q *Queue) eventOf(f store.Fact) (e event, ok bool, err error) {
	e = event{seq: f.Seq, at: f.Time}
	switch f.Type {
	case store.FactEdition:
		e.name = Published
		e.data, err = q.edition(f.Data)
	case answer.FactQuestion:
		e.name = Unanswered
		var a answer.Asked
		if err = json.Unmarshal(f.Data, &a); err != nil || a.Outcome != answer.NotFound {
			return e, false, err
		}
		e.data = Question{a.Answer, a.Outcome, a.Aspect, a.Region, a.Edition}
	case answer.FactFeedback:
		e.name = Negative
		var r answer.Feedback
		if err = json.Unmarshal(f.Data, &r); err != nil || r.Rating >= 0 {
			return e, false, err
		}
		e.data = Rating{r.Answer, append([]string{}, r.Reasons...)}
	case answer.FactMessage:
		e.name = MessageIn
		var m answer.KeptMessage
		err = json.Unmarshal(f.Data, &m)
		e.data = Letter{m.Number, m.Message.Kind, m.Message.Region, m.Message.Matter, m.Received}
	case FactNotice:
		var n notice
		err = json.Unmarshal(f.Data, &n)
		e.name, e.data = n.Event, n.Data
	default:
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("fact %d: %w", f.Seq, err)
	}
	e.id = idOf(&f)
	return e, true, nil
}

// edition tells what a publication changed.
func (q *Queue) edition(data []byte) (Edition, error) {
	var info store.EditionInfo
	if err := json.Unmarshal(data, &info); err != nil {
		return Edition{}, err
	}
	ed := Edition{Edition: info.Number, Added: info.Added, Changed: info.Changed, Removed: info.Removed, Records: []Change{}}
	for c, err := range q.store.Changes(info.Number-1, info.Number) {
		if err != nil {
			return Edition{}, err
		}
		if len(ed.Records) == maxChanges {
			break
		}
		ed.Records = append(ed.Records, Change{string(c.Key.Type), c.Key.ID, c.Record == nil})
	}
	return ed, nil
}
