package answer

import (
	"cmp"
	"context"
	"slices"

	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// A Trace is how an answer came about, stage by stage. It is taken down by
// [Engine.Ask]'s own code while it answers.
type Trace struct {
	Answer     Answer            `json:"answer"`
	Masked     string            `json:"masked"`           // the text without personal data
	Caught     *Caught           `json:"caught,omitempty"` // by the guard; nothing was searched then
	Text       string            `json:"text"`             // normalised, slips mended
	Region     corpus.RegionCode `json:"region,omitempty"` // answered for
	Place      corpus.RegionCode `json:"place,omitempty"`  // named in the question
	Foreign    string            `json:"foreign,omitempty"`
	Aspects    []nlp.Aspect      `json:"aspects"`
	Asked      bool              `json:"asked"` // an aspect was named
	Situations []string          `json:"situations"`
	Meant      []Meaning         `json:"meant"`
	Terms      []nlp.Term        `json:"terms"` // the heaviest first
	Searches   []TracedSearch    `json:"searches"`
	Evidence   []Measured        `json:"evidence"`
	Gates      []Gate            `json:"gates"` // in the order in which they were passed
}

// Caught is what the guard found.
type Caught struct {
	Class guard.Class `json:"class"`
	Rule  string      `json:"rule"` // where it is written
}

// A Meaning is an everyday word of the question and what it stands for.
type Meaning struct {
	Said     string  `json:"said"`
	Official string  `json:"official"`
	Weight   float64 `json:"weight"`
}

// A TracedSearch is one search for the question and what it found.
type TracedSearch struct {
	Question string          `json:"question"`
	Type     corpus.Type     `json:"type"`
	Hits     []index.Hit     `json:"hits"`
	Refused  []index.Refused `json:"refused"` // what the words fit and the filter leaves out
}

// Measured is a number with its name.
type Measured struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// A Gate is one of the questions whose answers make the verdict.
type Gate struct {
	Name   GateName `json:"name"`
	Value  float64  `json:"value"`           // 0 or 1 where there is no threshold
	Least  float64  `json:"least,omitempty"` // the threshold
	Passed bool     `json:"passed"`
}

// A GateName names a [Gate].
type GateName string

// The gates.
const (
	GatePicked      GateName = "picked"       // the matter is known from the conversation
	GateForeign     GateName = "foreign"      // a place that the corpus does not cover, or none of what was offered
	GateElsewhere   GateName = "elsewhere"    // what fits is of another region or for others
	GateBundleNamed GateName = "bundle_named" // how much of the life event's name is said
	GateBundleAsked GateName = "bundle_asked" // how much of the content that name says
	GateFAQNamed    GateName = "faq_named"    // … of the standard question
	GateFAQAsked    GateName = "faq_asked"
	GateFAQ         GateName = "faq"      // the FAQ is quoted
	GatePolicy      GateName = "policy"   // a passage of a policy says more of the question than any guide
	GateCalled      GateName = "called"   // the name, all of it and nothing else
	GateSaid        GateName = "said"     // something that one can look for
	GateSituated    GateName = "situated" // nothing but a situation is said
	GateAskBack     GateName = "ask_back" // probability that several matters fit
	GateCovered     GateName = "covered"  // probability that a right matter is among the first
	GateSure        GateName = "sure"     // confidence in the first
	GateBeside      GateName = "beside"   // the first only tells, or ends what is not to be ended
)

// Trace answers a question and tells how. It is a rehearsal's, so that no
// question asked to look under the bonnet is journalled as a citizen's.
func (r *Rehearsal) Trace(ctx context.Context, req Request) (Trace, error) {
	t := Trace{}
	var err error
	t.Answer, err = r.ask(ctx, req, &t)
	return t, err
}

// What follows does nothing for a nil Trace, which is that of every citizen's
// question.

func (t *Trace) screened(safe Request, caught *guard.Finding) {
	if t == nil {
		return
	}
	t.Masked = safe.Text
	if caught != nil {
		t.Caught = &Caught{caught.Class, caught.Rule}
	}
}

func (t *Trace) searched(ctx context.Context, ix *index.Index, q index.Query, hits []index.Hit) error {
	if t == nil {
		return nil
	}
	q.Limit = 10
	refused, err := ix.Refused(ctx, q)
	t.Searches = append(t.Searches, TracedSearch{q.Question.Text, q.Type, slices.Clone(hits), refused})
	return err
}

func (t *Trace) weighed(ev *Evidence) {
	if t == nil {
		return
	}
	for i, name := range EvidenceNames() {
		t.Evidence = append(t.Evidence, Measured{name, ev[i]})
	}
}

// gate takes down a gate without a threshold and hands its answer on.
func (t *Trace) gate(name GateName, passed bool) bool {
	if t != nil {
		g := Gate{Name: name, Passed: passed}
		if passed {
			g.Value = 1
		}
		t.Gates = append(t.Gates, g)
	}
	return passed
}

// level takes down a gate with a threshold and tells whether it is reached.
func (t *Trace) level(name GateName, value, least float64) bool {
	if t != nil {
		t.Gates = append(t.Gates, Gate{name, value, least, value >= least})
	}
	return value >= least
}

func (t *Trace) understood(e *Engine, u *understood) {
	if t == nil {
		return
	}
	q := &u.question
	t.Text, t.Region, t.Place, t.Foreign = q.Text, u.region, u.place, u.foreign
	t.Aspects, t.Asked = q.Aspects, q.Asked
	for i, name := range e.Lexicon.SituationNames {
		if q.Situations&(1<<i) != 0 {
			t.Situations = append(t.Situations, name)
		}
	}
	for _, x := range q.Expansions {
		for _, s := range x.Synonyms {
			t.Meant = append(t.Meant, Meaning{string(q.Runes[x.Start:x.End]), s.Official, float64(s.Weight)})
		}
	}
	t.Terms = slices.SortedStableFunc(slices.Values(q.Terms), func(a, b nlp.Term) int {
		return cmp.Or(cmp.Compare(b.Weight, a.Weight), cmp.Compare(a.Space, b.Space))
	})
}
