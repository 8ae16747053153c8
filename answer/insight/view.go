// Package insight tells staff what citizens' questions tell: what is asked,
// what is answered and how well, and which questions have no answer yet.
//
// A [View] is computed from the facts of the journal and can be thrown away;
// what staff decide about it are documents of their own ([Decision]).
package insight

import (
	"encoding/json"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// Facts is the journal.
type Facts interface {
	Facts(after uint64) iter.Seq2[store.Fact, error]
}

// A View is what the journal says, as far as it has been read. It is safe for
// concurrent use.
type View struct {
	facts  Facts
	parser *nlp.Parser
	zone   *time.Location

	mu     sync.Mutex
	last   uint64 // the last fact read
	days   map[string]*Day
	uses   map[string]*Use
	known  window
	recent recent
	gaps   gaps
}

// NewView makes a view of a journal. The parser, of the built-in vocabulary,
// compares questions; the zone says which day it is.
func NewView(facts Facts, parser *nlp.Parser, zone *time.Location) *View {
	return &View{facts: facts, parser: parser, zone: zone, days: map[string]*Day{}, uses: map[string]*Use{},
		known: window{by: map[string]known{}}, recent: recent{by: map[string]int{}}, gaps: newGaps()}
}

// CatchUp reads the facts that have come since. Whoever looks at the view
// calls it first; with nothing new it costs nothing.
func (v *View) CatchUp() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for f, err := range v.facts.Facts(v.last) {
		if err != nil {
			return err
		}
		if err := v.take(f); err != nil {
			return fmt.Errorf("journal entry %d: %w", f.Seq, err)
		}
		v.last = f.Seq
	}
	return nil
}

// take takes up one fact.
func (v *View) take(f store.Fact) error {
	switch f.Type {
	case answer.FactQuestion:
		return with(f, v.asked)
	case answer.FactFeedback:
		return with(f, v.rated)
	case answer.FactMessage:
		return with(f, v.left)
	case desk.FactReport, desk.FactReject:
		return with(f, v.learnt)
	}
	return nil
}

func with[T any](f store.Fact, fn func(store.Fact, T)) error {
	var data T
	if err := json.Unmarshal(f.Data, &data); err != nil {
		return err
	}
	fn(f, data)
	return nil
}

func (v *View) asked(f store.Fact, a answer.Asked) {
	v.known.add(a.Answer, known{seq: f.Seq, at: f.Time, asked: a})
	v.recent.add(a, f.Time)
	v.count(f.Time, a)
	if a.Outcome == answer.NotFound && a.Foreign == "" {
		v.gaps.add(v.parser, question{seq: f.Seq, at: f.Time, text: a.Text, region: a.Region, near: a.Near, edition: a.Edition}, Unanswered)
	}
}

func (v *View) rated(f store.Fact, r answer.Feedback) {
	k, ok := v.known.by[r.Answer]
	v.countRating(f.Time, r, k)
	if !ok || r.Rating > 0 {
		return
	}
	kind := BadlyRated
	if len(r.Reasons) > 0 || r.Text != "" {
		kind = Reported
	}
	g := v.gaps.add(v.parser, k.question(), kind)
	if g != nil {
		g.remark(r)
	}
}

func (v *View) left(f store.Fact, m answer.KeptMessage) {
	q := question{seq: f.Seq, at: f.Time, text: guard.Mask(m.Message.Text), region: m.Message.Region, edition: m.Edition}
	if k, ok := v.known.by[m.Message.Answer]; ok && m.Message.Answer != "" {
		q = k.question()
	} else if m.Message.Kind != answer.MessageKinds[0] { // a complaint or a proposal is no question
		return
	}
	if g := v.gaps.add(v.parser, q, LeftMessage); g != nil {
		g.messages = append(g.messages, m.Number)
	}
}

// learnt takes up what an operator found wrong with an answer.
func (v *View) learnt(f store.Fact, l desk.Lesson) {
	q := question{seq: f.Seq, at: f.Time, text: l.Asked, region: l.Region, edition: l.Edition}
	if l.Matter != "" {
		q.near = []answer.Near{{Code: l.Matter}}
	}
	if g := v.gaps.add(v.parser, q, Reported); g != nil && l.Reason != "" {
		g.remark(answer.Feedback{Text: l.Reason})
	}
}

// A known is a question whose answer can still be rated.
type known struct {
	seq   uint64
	at    time.Time
	asked answer.Asked
}

func (k *known) question() question {
	return question{seq: k.seq, at: k.at, text: k.asked.Text, region: k.asked.Region, near: k.asked.Near, edition: k.asked.Edition}
}

// window is how many of the latest answers a rating or a message can refer to.
const maxKnown = 50_000

// A window knows the latest answers by their ids.
type window struct {
	by    map[string]known
	order []string // a ring, once it is full
	next  int
}

func (w *window) add(id string, k known) {
	if len(w.order) < maxKnown {
		w.order = append(w.order, id)
	} else {
		delete(w.by, w.order[w.next])
		w.order[w.next] = id
		w.next = (w.next + 1) % maxKnown
	}
	w.by[id] = k
}

// A Logged is a question of the journal, masked, and how often it was asked.
type Logged struct {
	Text   string
	Region corpus.RegionCode
	Count  int
	Last   time.Time
}

// maxRecent is how many distinct questions of late are kept.
const maxRecent = 2000

// recent keeps the latest distinct questions.
type recent struct {
	list []Logged       // a ring, once it is full
	by   map[string]int // index by what makes them distinct
	next int
}

func distinct(text string, region corpus.RegionCode) string {
	return nlp.Normalize(text) + "\x00" + string(region)
}

func (r *recent) add(a answer.Asked, at time.Time) {
	key := distinct(a.Text, a.Region)
	if i, ok := r.by[key]; ok {
		r.list[i].Count++
		r.list[i].Last = at
		return
	}
	logged := Logged{a.Text, a.Region, 1, at}
	if len(r.list) < maxRecent {
		r.by[key] = len(r.list)
		r.list = append(r.list, logged)
		return
	}
	old := r.list[r.next]
	delete(r.by, distinct(old.Text, old.Region))
	r.list[r.next], r.by[key] = logged, r.next
	r.next = (r.next + 1) % maxRecent
}
