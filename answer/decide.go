package answer

import (
	"context"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// found is what the index has for a question.
type found struct {
	guides, faqs, bundles []index.Hit
	more                  []index.Hit    // guides, the first ones too, from which several may fit
	elsewhere             *index.Hit     // the guide that fits, where it is of another region or for others
	policy                *policyVerdict // the passage that answers better than the guides, or nil
}

// How many guides a verdict is made of, and among how many those are that are
// asked back about when more of them fit than can be listed.
const (
	weighed   = 10
	groupable = 40
)

// search searches the records of each type for a question.
func (e *Engine) search(ctx context.Context, u *understood, q *nlp.Question) (found, error) {
	var f found
	filter := e.filter(u)
	for _, s := range []struct {
		typ   corpus.Type
		limit int
		hits  *[]index.Hit
	}{{corpus.TypeGuide, groupable, &f.more}, {corpus.TypeFAQ, 3, &f.faqs}, {corpus.TypeBundle, 1, &f.bundles}} {
		query := index.Query{Question: q, Type: s.typ, Filter: filter, Place: u.place, Limit: s.limit, Explain: u.trace != nil}
		hits, err := e.Index.Search(ctx, query)
		if err != nil {
			return f, err
		}
		*s.hits = hits
		if err := u.trace.searched(ctx, e.Index, query, hits); err != nil {
			return f, err
		}
	}
	f.guides = f.more[:min(len(f.more), weighed)]
	return f, nil
}

// filter keeps what holds today, where the question is asked for and for whom.
func (e *Engine) filter(u *understood) index.Filter {
	f := index.Filter{Region: u.region, On: e.Now()}
	if u.request.Audience != "" {
		f.Audience = corpus.AudienceSetOf([]corpus.Audience{u.request.Audience})
	}
	return f
}

// A verdict is what to do with a question.
type verdict struct {
	outcome    Outcome
	matters    []index.Hit // the one to answer first, or what is offered
	faq        string      // id of the FAQ to quote
	policy     *policyVerdict
	bundle     string // id of the life event to list
	confidence float64
	picked     string // code of a matter that needs no score
	picks      []pick // the numbered options
	elsewhere  *index.Hit
	cases      []string // that were offered
}

// The thresholds of the verdict, chosen on the tables that `govqa eval fit`
// prints: below covered, questions are as likely to be outside the corpus; from
// askBack on, seven of eight that fit several matters are asked back and one of
// sixteen of the others; below sure, one of three firsts or more is wrong, so
// that it is offered with others rather than answered.
const (
	covered    = .66 // of the probability that a right matter is among the first
	askBack    = .15 // of the probability that several matters fit
	sure       = .65 // of confidence, to answer
	hopeless   = .1  // of confidence, not even to ask back
	sureAspect = .38 // … about an aspect, since matters alike have like fields
	maxOffered = 8
	maxRounds  = 2 // of asking back, in a row

	faqNamed, faqAsked       = .8, .6
	bundleNamed, bundleAsked = .7, .8
)

// decide weighs the hits.
func (e *Engine) decide(v *view, u *understood, f found) verdict {
	t := u.trace
	if t.gate(GatePicked, u.matter != "") {
		return verdict{outcome: Answered, picked: u.matter, confidence: .9}
	}
	if t.gate(GateForeign, u.foreign != "" || u.none) {
		return verdict{outcome: NotFound}
	}
	if t.gate(GateElsewhere, f.elsewhere != nil) {
		return verdict{outcome: NotFound, elsewhere: f.elsewhere}
	}
	if len(u.among) > 0 {
		return verdict{outcome: Choose, matters: u.among, confidence: sure}
	}
	ev := weigh(&u.question, f.guides)
	guide := confidence(&ev, f.guides)
	t.weighed(&ev)
	if len(f.bundles) > 0 {
		t.level(GateBundleNamed, f.bundles[0].Named, bundleNamed)
		t.level(GateBundleAsked, f.bundles[0].Asked, bundleAsked)
	}
	if len(f.bundles) > 0 && !u.question.Asked && f.bundles[0].Named >= bundleNamed && f.bundles[0].Asked >= bundleAsked &&
		(len(f.guides) == 0 || f.guides[0].Named < f.bundles[0].Named) {
		return verdict{outcome: Choose, bundle: f.bundles[0].Key.ID, confidence: f.bundles[0].Named}
	}
	if len(f.faqs) > 0 {
		t.level(GateFAQNamed, f.faqs[0].Named, faqNamed)
		t.level(GateFAQAsked, f.faqs[0].Asked, faqAsked)
	}
	if t.gate(GateFAQ, faqFits(u, f, guide)) {
		return verdict{outcome: Answered, faq: f.faqs[0].Key.ID, matters: f.guides, confidence: f.faqs[0].Named}
	}
	if t.gate(GatePolicy, f.policy != nil) {
		return verdict{outcome: Answered, policy: f.policy, confidence: min(1, f.policy.said)}
	}
	// Who says a name that editors gave, all of it and nothing else, means it.
	called := len(f.guides) > 0 && (f.guides[0].Named >= .95 && f.guides[0].Asked >= .95 || e.firstOfIts(v, u, &f.guides[0]))
	t.gate(GateCalled, called)
	said := u.question.Bare() > 0 || u.question.Situations != 0
	if !t.gate(GateSaid, len(f.guides) > 0 && said) {
		if !said && u.previous.Rounds < maxRounds {
			return verdict{outcome: Clarify} // nothing that one could look for, but a question all the same
		}
		return verdict{outcome: NotFound, confidence: guide}
	}
	if of := situated(f.more); t.gate(GateSituated, u.question.Bare() == 0 && len(of) > 1 && u.previous.Rounds < maxRounds) {
		return verdict{outcome: Choose, matters: of, confidence: guide}
	}
	words := weighWords(&u.question, f.guides) // whether there is anything to answer is not for a model to say
	ask := t.level(GateAskBack, words.logistic(&askWeights), askBack) && !called
	if !t.level(GateCovered, words.logistic(&coveredWeights), covered) && !called && (!ask || guide < hopeless) {
		return verdict{outcome: NotFound, confidence: guide}
	}
	least := sure
	if u.question.Asked {
		least = sureAspect
	}
	t.level(GateSure, guide, least)
	near := near(f.more)
	// Who wants to have something done is not answered with where to look it
	// up, nor with how to end it.
	if beside := !called && (ev[evService] > 0 && !u.question.Asked || e.ends(u, &f.guides[0])); t.gate(GateBeside, beside) || guide < least && !called {
		near = f.more[:max(len(near), min(3, len(f.more)))]
		if len(near) > 1 {
			ask = true
		}
	}
	switch {
	case ask && len(near) > 1 && u.previous.Rounds < maxRounds:
		return verdict{outcome: Choose, matters: near, confidence: guide}
	case guide < least && !called:
		return verdict{outcome: NotFound, confidence: guide}
	}
	return verdict{outcome: Answered, matters: f.guides, confidence: guide}
}

// ends reports whether a hit is about giving up what the question does not say
// is given up: who asks how to register is not told how to strike off.
func (e *Engine) ends(u *understood, h *index.Hit) bool {
	ending := e.Lexicon.SituationsNamed("close", "void")
	return e.Lexicon.Situations(e.Segmenter, nlp.Normalize(h.Title))&ending != 0 && u.question.Situations&ending == 0
}

// firstOfIts reports whether a hit is what people mean who name a certificate
// and say no more of it: 居住证要什么材料 is about 居住证申领.
func (e *Engine) firstOfIts(v *view, u *understood, h *index.Hit) bool {
	if u.question.Situations != 0 || e.Lexicon.Situations(e.Segmenter, nlp.Normalize(h.Title))&e.Lexicon.SituationsNamed("first") == 0 {
		return false
	}
	n := 0
	for _, r := range v.parser.Base(h.Title) {
		if nlp.IsHan(r) {
			n++
			if !strings.ContainsRune(u.question.Text, r) {
				return false
			}
		}
	}
	return n >= 2
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
	field := u.question.Asked && guide >= sureAspect && hasField(u.question.Aspect())
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

// wide is how far in score an offered hit may be behind the first.
const wide = 5

// near returns the hits that may be meant when several fit.
func near(hits []index.Hit) []index.Hit {
	n := 0
	for n < len(hits) && hits[0].Score-hits[n].Score < wide {
		n++
	}
	return hits[:n]
}

// situated returns the near hits that are of the situation said: all that one
// can go by when nothing else is said.
func situated(hits []index.Hit) []index.Hit {
	var list []index.Hit
	for _, h := range near(hits) {
		if feature(&h, "sit_share") > 0 {
			list = append(list, h)
		}
	}
	return list
}

// confidence is the probability that the first hit is right.
func confidence(ev *Evidence, hits []index.Hit) float64 {
	if len(hits) == 0 {
		return 0
	}
	return ev.logistic(&rightWeights)
}

// state is what the next question may lean on.
func (v verdict) state(u *understood) state {
	s := state{Matter: u.previous.Matter, Aspect: u.question.Aspect(), Place: u.region, Cases: v.cases}
	switch {
	case u.none || u.foreign != "":
		s.Matter = "" // the next question is not about it
		if u.request.Region == "" {
			s.Foreign = u.foreign
		}
	case v.elsewhere != nil:
		s.Matter, s.Offered = "", []string{v.elsewhere.Key.ID}
	case v.picked != "":
		s.Matter, s.Offered, s.Picks = v.picked, u.previous.Offered, u.previous.Picks // one may pick again
	case v.bundle != "":
		s.Picks = v.picks
	case v.outcome == Answered && len(v.matters) > 0:
		s.Matter = v.matters[0].Key.ID
		for _, h := range v.matters[:min(3, len(v.matters))] { // as the answer names them
			s.Offered = append(s.Offered, h.Key.ID)
		}
	case v.outcome == Choose || v.outcome == Clarify:
		if len(v.matters) > 0 {
			s.Matter = v.matters[0].Key.ID
		}
		for _, h := range v.matters {
			s.Offered = append(s.Offered, h.Key.ID)
		}
		s.Base, s.Rounds, s.Picks = u.said(), u.previous.Rounds+1, v.picks
	}
	return s
}
