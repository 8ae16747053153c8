package answer

import (
	"context"
	"math"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// found is what the index has for a question.
type found struct {
	guides, faqs, bundles []index.Hit
}

// find searches the records of each type. A question that goes on with a
// matter needs no search.
func (e *Engine) find(ctx context.Context, v *view, u *understood) (found, error) {
	var f found
	if u.matter != "" {
		return f, nil
	}
	filter := index.Filter{Region: u.region, On: e.Now()}
	if u.request.Audience != "" {
		filter.Audience = corpus.AudienceSetOf([]corpus.Audience{u.request.Audience})
	}
	for _, s := range []struct {
		typ   corpus.Type
		limit int
		hits  *[]index.Hit
	}{{corpus.TypeGuide, 10, &f.guides}, {corpus.TypeFAQ, 3, &f.faqs}, {corpus.TypeBundle, 1, &f.bundles}} {
		hits, err := e.Index.Search(ctx, index.Query{Question: &u.question, Type: s.typ, Filter: filter, Place: u.place, Limit: s.limit})
		if err != nil {
			return f, err
		}
		*s.hits = hits
	}
	return f, nil
}

// A verdict is what to do with a question.
type verdict struct {
	outcome    Outcome
	matters    []index.Hit // the one to answer first, or what is offered
	faq        string      // id of the FAQ to quote
	bundle     string      // id of the life event to list
	confidence float64
	picked     string // code of a matter that needs no score
}

// The thresholds of the verdict. They are figures of the second stage, read
// off the judged questions: below floor more questions outside the corpus
// than inside it are found; a gap below margin is as often wrong as right.
const (
	floor      = .25 // of confidence, to answer at all
	margin     = .9  // of score, between the first two
	maxOffered = 5

	faqNamed, faqAsked       = .8, .6
	bundleNamed, bundleAsked = .7, .8
)

// decide weighs the hits.
func decide(u *understood, f found) verdict {
	if u.matter != "" {
		return verdict{outcome: Answered, picked: u.matter, confidence: .9}
	}
	if u.foreign != "" {
		return verdict{outcome: NotFound}
	}
	guide := confidence(&u.question, f.guides)
	if len(f.bundles) > 0 && !u.question.Asked && f.bundles[0].Named >= bundleNamed && f.bundles[0].Asked >= bundleAsked &&
		(len(f.guides) == 0 || f.guides[0].Named < f.bundles[0].Named) {
		return verdict{outcome: Choose, bundle: f.bundles[0].Key.ID, confidence: f.bundles[0].Named}
	}
	if faqFits(u, f, guide) {
		return verdict{outcome: Answered, faq: f.faqs[0].Key.ID, matters: f.guides, confidence: f.faqs[0].Named}
	}
	switch {
	case guide < floor:
		return verdict{outcome: NotFound, confidence: guide}
	case len(near(f.guides)) > 1 && !u.question.Asked:
		return verdict{outcome: Choose, matters: near(f.guides), confidence: guide}
	}
	return verdict{outcome: Answered, matters: f.guides, confidence: guide}
}

// faqFits reports whether the first FAQ says just what was asked. A guide
// whose field answers the question goes before.
func faqFits(u *understood, f found, guide float64) bool {
	if len(f.faqs) == 0 {
		return false
	}
	h := f.faqs[0]
	if h.Named < faqNamed || h.Asked < faqAsked {
		return false
	}
	field := u.question.Asked && guide >= floor && hasField(u.question.Aspect())
	return !field || h.Named >= .95
}

// hasField reports whether guides have a field for the aspect, so that it is
// quoted rather than explained.
func hasField(a nlp.Aspect) bool {
	switch a {
	case nlp.AspectOverview, nlp.AspectCondition, nlp.AspectDefinition, nlp.AspectAgent, nlp.AspectCrossRegion, nlp.AspectAudience:
		return false
	}
	return true
}

// near returns the hits whose score is within the margin of the first.
func near(hits []index.Hit) []index.Hit {
	n := 0
	for n < len(hits) && n < maxOffered && hits[0].Score-hits[n].Score < margin {
		n++
	}
	return hits[:n]
}

// confidence is the probability that the first hit is right: a logistic model
// of how much of the question the hit says, how much of the hit the question
// says, how far the second hit is, and how much the question says at all. It
// was fitted on 280 judged questions and 25 outside the corpus.
func confidence(q *nlp.Question, hits []index.Hit) float64 {
	if len(hits) == 0 {
		return 0
	}
	h := hits[0]
	gap := 2.0
	if len(hits) > 1 {
		gap = min(gap, h.Score-hits[1].Score)
	}
	n := float64(max(1, utf8.RuneCountInString(q.Content())))
	z := -4.75 + (.42+.096*n)*h.Asked + 1.47*h.Named + 1.03*h.Said + 1.16*gap + .38*math.Log(n) + .13*h.Score
	return 1 / (1 + math.Exp(-z))
}

// state is what the next question may lean on.
func (v verdict) state(u *understood) state {
	s := state{Matter: u.previous.Matter, Aspect: u.question.Aspect(), Place: u.region}
	switch {
	case v.picked != "":
		s.Matter = v.picked
	case v.outcome == Answered && len(v.matters) > 0:
		s.Matter = v.matters[0].Key.ID
	case v.outcome == Choose:
		if len(v.matters) > 0 {
			s.Matter = v.matters[0].Key.ID
		}
		for _, h := range v.matters {
			s.Offered = append(s.Offered, h.Key.ID)
		}
	}
	return s
}
