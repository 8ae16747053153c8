package guard

// A hit is an occurrence of one of a slot's words, in runes.
type hit struct {
	slot       int32
	start, end int
	inside     bool // a neutral phrase: it speaks against a rule, never for one
}

// A rule says by which words a class is known. Its terms stand in order, each
// at most its gap behind the one before.
type rule struct {
	order    int    // of its class
	strength int    // see the strength constants
	where    string // file:line
	terms    []term
	with     []int32 // slots that must occur anywhere
	without  []int32 // slots that must not occur
}

// The strengths of a rule.
const (
	alone  = 1 // only when the text says nothing else
	plain  = 2 // not when the text asks how a matter is done
	strong = 3 // always
)

// A term is one word out of a slot's.
type term struct {
	slot       int32
	gap        int  // runes at most between it and the term before
	first, end bool // only at the start or the end of the text
}

// usualGap is how many characters may stand between two terms; anyGap is
// longer than any text.
const (
	usualGap = 6
	anyGap   = 1 << 20
)

// holds reports whether the rule's terms are among the hits.
func (r *rule) holds(g *Guard, t squeezed, hits []hit) bool {
	for _, s := range r.with {
		if !occurs(hits, s, false) {
			return false
		}
	}
	for _, s := range r.without {
		if occurs(hits, s, true) {
			return false
		}
	}
	if r.strength == plain && g.howTo >= 0 && occurs(hits, g.howTo, true) {
		return false
	}
	if !r.chain(t, hits, 0, -1) {
		return false
	}
	return r.strength != alone || g.saysNothingElse(t, hits, r.order)
}

// occurs reports whether a slot is among the hits, inside neutral phrases too
// if anywhere.
func occurs(hits []hit, slot int32, anywhere bool) bool {
	for i := range hits {
		if hits[i].slot == slot && (anywhere || !hits[i].inside) {
			return true
		}
	}
	return false
}

// chain reports whether the terms from the i-th on follow one another, the
// first behind from, which is -1 before the first term.
func (r *rule) chain(t squeezed, hits []hit, i, from int) bool {
	if i == len(r.terms) {
		return true
	}
	m := &r.terms[i]
	for j := range hits {
		h := &hits[j]
		if h.slot != m.slot || h.inside || m.first && h.start != 0 || m.end && h.end != len(t.runes) ||
			from >= 0 && (h.start < from || h.start-from > m.gap) {
			continue
		}
		if r.chain(t, hits, i+1, h.end) {
			return true
		}
	}
	return false
}

// saysNothingElse reports whether the text is made of words of the classes
// with the same outcome, and of filler.
func (g *Guard) saysNothingElse(t squeezed, hits []hit, order int) bool {
	said := make([]bool, len(t.runes))
	mark := func(h *hit) {
		for k := h.start; k < h.end; k++ {
			said[k] = true
		}
	}
	for i := range hits {
		h := &hits[i]
		if h.slot == g.filler {
			mark(h)
			continue
		}
		for _, n := range g.byFirst[h.slot] {
			if r := &g.rules[n]; r.strength == alone && classes[r.order].outcome == classes[order].outcome {
				mark(h)
				break
			}
		}
	}
	rest := 0
	for _, s := range said {
		if !s {
			rest++
		}
	}
	return rest <= max(0, len(said)/6)
}
