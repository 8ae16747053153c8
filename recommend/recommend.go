// Package recommend suggests the matters that a person is likely to need
// next, from named sources that each give their reason in plain Chinese.
package recommend

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/govqa/govqa/corpus"
)

// A Kind says where a suggestion comes from, by its name in the API.
type Kind string

// The kinds of suggestion.
const (
	KindNext   Kind = "next"   // the following step of a life event
	KindBundle Kind = "bundle" // another matter of the same life event
)

// A Suggestion is a matter to go on with.
type Suggestion struct {
	Code   string
	Kind   Kind
	Reason string // in plain Chinese, true for this suggestion
}

// A Source suggests matters. Implementations are immutable.
type Source interface {
	// Suggest returns at most n suggestions for someone who asks about a
	// matter, the best first. It never suggests the matter itself.
	Suggest(matter string, n int) []Suggestion
}

// Bundles is the Source that knows the life events (一件事): what comes after
// a matter in the curated order, then what else belongs to the event.
type Bundles struct {
	of map[string][]*corpus.Bundle // by matter
}

// NewBundles makes a source of the life events of an edition.
func NewBundles(bundles []*corpus.Bundle) *Bundles {
	b := &Bundles{of: map[string][]*corpus.Bundle{}}
	for _, bundle := range bundles {
		for _, s := range bundle.Steps {
			b.of[s.Matter] = append(b.of[s.Matter], bundle)
		}
	}
	for _, list := range b.of {
		// A short event says more about its matters than a long one.
		slices.SortStableFunc(list, func(x, y *corpus.Bundle) int {
			return cmp.Or(cmp.Compare(len(x.Steps), len(y.Steps)), cmp.Compare(x.ID, y.ID))
		})
	}
	return b
}

var _ Source = (*Bundles)(nil)

// Suggest implements [Source].
func (b *Bundles) Suggest(matter string, n int) []Suggestion {
	var next, rest []Suggestion
	seen := map[string]bool{matter: true}
	for _, bundle := range b.of[matter] {
		at := slices.IndexFunc(bundle.Steps, func(s corpus.Step) bool { return s.Matter == matter })
		for i, s := range bundle.Steps {
			if seen[s.Matter] {
				continue
			}
			seen[s.Matter] = true
			switch {
			case slices.Contains(s.After, matter):
				next = append(next, Suggestion{s.Matter, KindNext, fmt.Sprintf("「%s」中，办完这一项就可以办它", bundle.Name)})
			case i > at:
				rest = append(rest, Suggestion{s.Matter, KindBundle, fmt.Sprintf("「%s」后面还要办的事项", bundle.Name)})
			default:
				rest = append(rest, Suggestion{s.Matter, KindBundle, fmt.Sprintf("「%s」里通常一起办的事项", bundle.Name)})
			}
		}
	}
	all := append(next, rest...)
	return all[:min(len(all), max(n, 0))]
}
