package recommend

import (
	"cmp"
	"slices"
)

// A Weighted is a source and what its votes weigh against the others'.
type Weighted struct {
	Source
	Weight float64
}

// A Blend adds up the votes of several sources. The votes of each are scaled
// to one in all before they are weighed.
type Blend []Weighted

// NewBlend is the blend of production: every source that the model and the
// life events feed.
func NewBlend(m *Model, events *LifeEvents, p Params, more ...Weighted) Blend {
	return append(Blend{
		{&Next{Model: m, Events: events, Params: p}, 1},
		{&Peers{Model: m, Params: p}, p.Peers},
		{Popular{m}, p.Popular},
		{Season{m}, p.Season},
	}, more...)
}

// A Candidate is a matter with the sum of its votes.
type Candidate struct {
	Code   string
	Score  float64
	Source string // that contributed most
	Reason Reason // of that source

	most float64
}

// Rank returns the candidates for a query, the best first. The order is the
// same for the same model and query.
func (b Blend) Rank(q *Query) []Candidate {
	list := make([]Candidate, 0, maxVotes*2)
	at := make(map[string]int, maxVotes*2)
	for _, w := range b {
		if w.Weight <= 0 {
			continue
		}
		votes := w.Votes(q)
		total := 0.0
		for _, v := range votes {
			total += v.Score
		}
		for _, v := range votes {
			score := w.Weight * v.Score / total
			i, ok := at[v.Code]
			if !ok {
				i = len(list)
				at[v.Code] = i
				list = append(list, Candidate{Code: v.Code})
			}
			list[i].add(score, w.Name(), v.Reason)
		}
	}
	order := make([]int, len(list)) // candidates are large to move about
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int {
		return cmp.Or(cmp.Compare(list[j].Score, list[i].Score), cmp.Compare(list[i].Code, list[j].Code))
	})
	ranked := make([]Candidate, len(list))
	for i, at := range order {
		ranked[i] = list[at]
	}
	return ranked
}

// add takes a vote. The reason is that of the largest contribution that has
// something to say.
func (c *Candidate) add(score float64, source string, r Reason) {
	c.Score += score
	if score > c.most && (r.says() || !c.Reason.says()) || r.says() && !c.Reason.says() {
		c.most, c.Source, c.Reason = score, source, r
	}
}
