package ground

import "slices"

// A place is a state of reading: inside a unit, before one of its steps.
type place struct {
	unit, step int32
	seam       seam // where the unit began
}

// A clause is what has been read since the last stop.
type clause uint8

const (
	fresh     clause = iota // nothing, behind a strong stop: a fact with clauses may begin
	freshGlue               // the same, and words that need a fact behind them
	next                    // nothing, behind a weak stop
	nextGlue                // the same, and words that need a fact behind them
	solid                   // a fact
	solidGlue               // a fact, and words that need another one behind them
	sealed                  // a fact with clauses: only a strong stop may follow
	clauses
)

// behindStop is what a stop makes of a clause, or false where none may stand:
// words that need a fact have none, and what is beside a fact with clauses
// would be read as one more of them.
func behindStop(c clause, s token) (clause, bool) {
	switch {
	case c == freshGlue, c == nextGlue, c == solidGlue, c == sealed && s == weak:
		return 0, false
	case s == strong:
		return fresh, true
	case c == solid:
		return next, true
	}
	return c, true
}

// behindGlue is what words that say nothing make of a clause.
func behindGlue(c clause, alone bool) (clause, bool) {
	switch {
	case c == sealed:
		return 0, false
	case alone, c == freshGlue, c == nextGlue, c == solidGlue:
		return c, true
	}
	return c + 1, true
}

// behindName is what the matter's name makes of a clause: it is no fact, but
// words that need something behind them have it.
func behindName(c clause) (clause, bool) {
	switch c {
	case freshGlue, nextGlue, solidGlue:
		return c - 1, true
	case sealed:
		return 0, false
	}
	return c, true
}

// begins reports whether a unit may begin in a clause.
func (u *unit) begins(c clause) bool {
	switch c {
	case fresh, freshGlue:
		return true
	case next, nextGlue, solidGlue:
		return !u.whole
	}
	return false
}

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
	for _, c := range []clause{sealed, solid, fresh, next} {
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
	reach := func(n int, c clause, ok bool) {
		if ok {
			r.end(i+n, c, s, -1)
		}
	}
	switch t.kind {
	case stop:
		c, ok := behindStop(s.clause, t)
		reach(1, c, ok)
	case colon, quote, item:
		reach(1, s.clause, s.clause != sealed)
	}
	for _, u := range r.e.first[t] {
		if unit := &r.e.units[u]; r.allowed[unit.fact] && unit.begins(s.clause) {
			r.advance(place{u, 0, s}, i)
		}
	}
	for _, g := range r.e.rules.glue[t] {
		if hasPrefix(r.list[i:], g.words) {
			c, ok := behindGlue(s.clause, g.clause)
			reach(len(g.words), c, ok)
		}
	}
	for _, w := range r.e.names {
		if hasPrefix(r.list[i:], w) {
			c, ok := behindName(s.clause)
			reach(len(w), c, ok)
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
		after := solid
		if u.whole {
			after = sealed
		}
		r.end(i, after, p.seam, u.fact)
		return
	}
	s := &u.tokens[p.step]
	ahead := func(by int32) place { return place{p.unit, p.step + by, p.seam} }
	if s.may() || s.token == strong && int(p.step) == len(u.tokens)-1 {
		r.advance(ahead(1), i)
	}
	if s.jump > 0 {
		r.advance(ahead(s.jump), i)
	}
	if i == len(r.list) {
		return
	}
	t := r.list[i]
	if t == s.token {
		r.enter(ahead(1), i+1)
	}
	for _, c := range s.change {
		if hasPrefix(r.list[i:], c.by) {
			r.enter(ahead(c.steps), i+len(c.by))
		}
	}
}

func hasPrefix(list, prefix []token) bool {
	return len(list) >= len(prefix) && slices.Equal(list[:len(prefix)], prefix)
}
