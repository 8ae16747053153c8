package ground

import "slices"

// A place is a state of reading: inside a unit, before one of its steps.
type place struct {
	unit, step int32
	seam       seam // where the unit began
}

// A clause is what has been read of a clause so far.
type clause uint8

const (
	fresh clause = iota // nothing
	bare                // words that say nothing and may not stand alone
	solid               // a fact, or the matter's name
	clauses
)

// A seam is a position of the sentence between units and words that say
// nothing, and what its clause holds.
type seam struct {
	at     int32
	clause clause
}

// A way is how a seam was reached.
type way struct {
	open bool
	from seam
	fact int32 // what was said on the way, -1 for nothing
}

// read reads a sentence as whole units with words between them that say
// nothing. It returns the facts said, in their order.
func (e *Evidence) read(list []token, allowed []bool) ([]int32, bool) {
	n := len(list)
	r := reading{e: e, list: list, allowed: allowed, seams: make([][clauses]way, n+1), inside: make([][]place, n+1)}
	r.seams[0][fresh].open = true
	for i := 0; i <= n; i++ {
		// What has been read so far may end here, which opens seams; units begin after.
		for _, p := range r.inside[i] {
			r.advance(p, i)
		}
		for c := fresh; c < clauses && i < n; c++ {
			if r.seams[i][c].open {
				r.begin(seam{int32(i), c})
			}
		}
	}
	for _, c := range []clause{solid, fresh} {
		if r.seams[n][c].open {
			said := r.said(seam{int32(n), c})
			return said, len(said) > 0
		}
	}
	return nil, false
}

// said goes back from a seam and collects the facts.
func (r *reading) said(s seam) []int32 {
	var said []int32
	for s.at > 0 {
		w := r.seams[s.at][s.clause]
		if w.fact >= 0 {
			said = append(said, w.fact)
		}
		s = w.from
	}
	slices.Reverse(said)
	return said
}

type reading struct {
	e       *Evidence
	list    []token
	allowed []bool
	seams   [][clauses]way
	inside  [][]place
}

// begin starts units and skips what says nothing at an open seam.
func (r *reading) begin(s seam) {
	i := int(s.at)
	t := r.list[i]
	switch {
	case t.kind == stop && s.clause != bare:
		r.end(i+1, fresh, s, -1)
	case t.kind == colon, t.kind == bracket, t.kind == item:
		r.end(i+1, s.clause, s, -1)
	}
	for _, u := range r.e.first[t] {
		if r.allowed[r.e.units[u].fact] {
			r.advance(place{u, 0, s}, i)
		}
	}
	for _, g := range r.e.rules.glue[t] {
		if hasPrefix(r.list[i:], g.words) {
			after := s.clause
			switch {
			case g.clause:
				after = solid
			case after == fresh:
				after = bare
			}
			r.end(i+len(g.words), after, s, -1)
		}
	}
	for _, w := range r.e.names {
		if hasPrefix(r.list[i:], w) {
			r.end(i+len(w), solid, s, -1)
		}
	}
}

// end opens a seam. What says a fact goes before what says nothing.
func (r *reading) end(at int, c clause, from seam, fact int32) {
	if w := &r.seams[at][c]; !w.open || w.fact < 0 && fact >= 0 {
		*w = way{true, from, fact}
	}
}

// enter is at a place before the token at position i.
func (r *reading) enter(p place, i int) {
	if !slices.Contains(r.inside[i], p) {
		r.inside[i] = append(r.inside[i], p)
	}
}

// advance takes every step that can be taken at a place.
func (r *reading) advance(p place, i int) {
	u := &r.e.units[p.unit]
	if int(p.step) == len(u.tokens) {
		r.end(i, solid, p.seam, u.fact)
		return
	}
	s := &u.tokens[p.step]
	next := func(by int32) place { return place{p.unit, p.step + by, p.seam} }
	if s.drop || s.kind == bracket || s.kind == colon || s.kind == item || s.kind == stop && int(p.step) == len(u.tokens)-1 {
		r.advance(next(1), i)
	}
	if s.jump > 0 {
		r.advance(next(s.jump), i)
	}
	if i == len(r.list) {
		return
	}
	t := r.list[i]
	if t == s.token || (s.kind == bracket || s.kind == colon) && t.kind == stop {
		r.enter(next(1), i+1)
	}
	for _, c := range s.change {
		if hasPrefix(r.list[i:], c.by) {
			r.enter(next(c.steps), i+len(c.by))
		}
	}
}

func hasPrefix(list, prefix []token) bool {
	return len(list) >= len(prefix) && slices.Equal(list[:len(prefix)], prefix)
}
