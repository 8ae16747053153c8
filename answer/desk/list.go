package desk

import (
	"cmp"
	"slices"

	"github.com/govqa/govqa/answer"
)

// Margin is by how much the rank of a candidate must beat that of the one
// above it to pass it while words are still coming in. `govqa eval desk`
// prints what other margins do.
const Margin = 1.5

// ListLength is how many candidates a list shows.
const ListLength = 6

// Arrange puts fresh candidates, the best first, into the order in which they
// are shown. While words are coming in an item moves only past one that it
// beats by the margin, new ones come in from below, and the one that the
// operator has selected stays where it is. When the words are complete, the
// order is that of every channel; only the selected one still keeps its place.
func Arrange(shown []string, fresh []answer.Candidate, selected string, complete bool, margin float64) []answer.Candidate {
	list := slices.Clone(fresh)
	if !complete && len(shown) > 0 {
		place := func(code string) int {
			if i := slices.Index(shown, code); i >= 0 {
				return i
			}
			return len(shown)
		}
		slices.SortStableFunc(list, func(a, b answer.Candidate) int { return cmp.Compare(place(a.Code), place(b.Code)) })
		for i := 1; i < len(list); i++ {
			for j := i; j > 0 && list[j].Rank > list[j-1].Rank+margin; j-- {
				list[j], list[j-1] = list[j-1], list[j]
			}
		}
	}
	from := slices.IndexFunc(list, func(c answer.Candidate) bool { return c.Code == selected })
	if to := slices.Index(shown, selected); selected != "" && from >= 0 && to >= 0 {
		kept := list[from]
		list = slices.Delete(list, from, from+1)
		list = slices.Insert(list, min(to, len(list)), kept)
	}
	return list[:min(len(list), ListLength)]
}

// A Band says how far a suggestion can be relied on.
type Band string

// The bands. What they promise is measured on the judged questions and stands
// in docs/desk.md; a test holds them to it.
const (
	High   Band = "high"
	Middle Band = "middle"
	Low    Band = "low"
)

// Bands lists the bands, the surest first.
var Bands = []Band{High, Middle, Low}

// The confidence from which a band begins.
const (
	highFrom   = .9
	middleFrom = .5
)

// BandOf is the band of a confidence.
func BandOf(confidence float64) Band {
	switch {
	case confidence >= highFrom:
		return High
	case confidence >= middleFrom:
		return Middle
	}
	return Low
}

// Label names the band on the desk.
func (b Band) Label() string {
	switch b {
	case High:
		return "把握高"
	case Middle:
		return "把握中"
	}
	return "把握低"
}
