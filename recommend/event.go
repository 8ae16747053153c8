package recommend

import (
	"cmp"
	"math"
	"slices"

	"github.com/govqa/govqa/corpus"
)

// LifeEvents are the life events (一件事) of an edition: which matters belong
// together, in which order, and what must be done before what. It never
// changes once made.
type LifeEvents struct {
	of map[string][]*corpus.Bundle // by matter
}

// NewLifeEvents makes the life events of an edition.
func NewLifeEvents(bundles []*corpus.Bundle) *LifeEvents {
	e := &LifeEvents{of: map[string][]*corpus.Bundle{}}
	for _, bundle := range bundles {
		for _, s := range bundle.Steps {
			e.of[s.Matter] = append(e.of[s.Matter], bundle)
		}
	}
	for _, list := range e.of {
		// A short event says more about its matters than a long one.
		slices.SortStableFunc(list, func(x, y *corpus.Bundle) int {
			return cmp.Or(cmp.Compare(len(x.Steps), len(y.Steps)), cmp.Compare(x.ID, y.ID))
		})
	}
	return e
}

func (e *LifeEvents) knows(matter string) bool { return len(e.of[matter]) > 0 }

// How much a life event says for a matter, by how it stands to the one that
// was done.
const (
	afterWeight    = 1.0
	laterWeight    = .5
	alongWeight    = .25
	optionalWeight = .7
)

// after shares one passage out among what the life events list beside a
// matter. An event of which more has been done already counts for more.
func (e *LifeEvents) after(matter string, done []Step) []Vote {
	var votes []Vote
	at := map[string]int{}
	total := 0.0
	for _, bundle := range e.of[matter] {
		weight := bundleWeight(bundle, matter, done)
		place := slices.IndexFunc(bundle.Steps, func(s corpus.Step) bool { return s.Matter == matter })
		for i, s := range bundle.Steps {
			if s.Matter == matter {
				continue
			}
			v := Vote{Code: s.Matter, Score: weight, Reason: Reason{Kind: KindBundle, From: matter, Bundle: bundle.Name}}
			switch {
			case slices.Contains(s.After, matter):
				v.Score *= afterWeight
				v.Reason.Kind, v.Reason.Order = KindNext, OrderAfter
			case i > place:
				v.Score *= laterWeight
				v.Reason.Order = OrderLater
			default:
				v.Score *= alongWeight
				v.Reason.Order = OrderAlong
			}
			if s.Optional {
				v.Score *= optionalWeight
			}
			// Where nothing else tells two apart, the curated order does.
			v.Score *= 1 - .01*float64(i)
			total += v.Score
			if j, ok := at[s.Matter]; ok {
				if v.Score > votes[j].Score {
					votes[j].Reason = v.Reason
				}
				votes[j].Score += v.Score
				continue
			}
			at[s.Matter] = len(votes)
			votes = append(votes, v)
		}
	}
	for i := range votes {
		votes[i].Score /= total
	}
	slices.SortFunc(votes, compareVotes)
	return votes
}

func bundleWeight(b *corpus.Bundle, matter string, done []Step) float64 {
	shared := 1.0
	for _, s := range b.Steps {
		if s.Matter != matter && slices.ContainsFunc(done, func(d Step) bool { return d.Matter == s.Matter }) {
			shared++
		}
	}
	return shared * shared / math.Sqrt(float64(len(b.Steps)))
}

// Name implements [Source].
func (*LifeEvents) Name() string { return "life events" }

var _ Source = (*LifeEvents)(nil)

// Votes implements [Source]: what the life events alone say, for where
// nothing has been counted.
func (e *LifeEvents) Votes(q *Query) []Vote {
	n := Next{Model: NewModel(Defaults()), Events: e, Params: Defaults()}
	return n.Votes(q)
}

// before returns the matters to be done before a matter, by the life events
// that the person is in the middle of: those of the event that asks for the
// least, none if one of them asks for nothing more. What an event asks for
// says nothing to others: who loses an identity card need not move house
// first, though the event of moving in has both.
func (e *LifeEvents) before(matter string, begun, done func(code string) bool) (codes []string, bundle string) {
	for _, b := range e.of[matter] {
		if !slices.ContainsFunc(b.Steps, func(s corpus.Step) bool { return s.Matter != matter && begun(s.Matter) }) {
			continue
		}
		missing := unmet(b, matter, done)
		if len(missing) == 0 {
			return nil, ""
		}
		if codes == nil || len(missing) < len(codes) {
			codes, bundle = missing, b.Name
		}
	}
	return codes, bundle
}

// unmet returns what a life event puts before a matter and is not done.
func unmet(b *corpus.Bundle, matter string, done func(code string) bool) (codes []string) {
	at := slices.IndexFunc(b.Steps, func(s corpus.Step) bool { return s.Matter == matter })
	for _, code := range b.Steps[at].After {
		if !done(code) && !optional(b, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// optional reports whether a step is only for some people: what it comes
// before need not wait for it.
func optional(b *corpus.Bundle, code string) bool {
	return slices.ContainsFunc(b.Steps, func(s corpus.Step) bool { return s.Matter == code && s.Optional })
}
