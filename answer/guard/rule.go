package guard

import (
	"slices"

	"github.com/govqa/govqa/nlp"
)

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

// A span is an occurrence of a word, in runes.
type span struct{ start, end int }

// How a slot occurs in a text. A word inside a neutral phrase speaks against
// a rule, never for one.
const (
	somewhere = 1 << iota
	openly
)

// A reading is what was found in one text.
type reading struct {
	g      *Guard
	text   squeezed
	atoms  []int32          // distinct, outside neutral phrases
	at     map[int32][]span // their occurrences
	occurs []uint8          // by slot
	cache  map[int32][]span // occurrences of slots, as far as rules asked for them
}

// read looks for all words in a text.
func (g *Guard) read(t squeezed) *reading {
	r := &reading{g: g, text: t, at: make(map[int32][]span, 64), occurs: make([]uint8, len(g.byFirst)), cache: map[int32][]span{}}
	type found struct {
		atom int32
		span
	}
	all := make([]found, 0, 2*len(t.runes))
	var neutral []span
	g.atoms.Each(t.runes, func(atom, start, end int) {
		if g.latin[atom] && !t.wordEdges(start, end) {
			return
		}
		if g.neutral[atom] {
			neutral = append(neutral, span{start, end})
		}
		if len(g.slots[atom]) > 0 {
			all = append(all, found{int32(atom), span{start, end}})
		}
	})
	hidden := map[int32]bool{}
	for _, f := range all {
		if slices.ContainsFunc(neutral, func(n span) bool {
			return n.start <= f.start && f.end <= n.end && n.end-n.start > f.end-f.start
		}) {
			hidden[f.atom] = true
			continue
		}
		if r.at[f.atom] == nil {
			r.atoms = append(r.atoms, f.atom)
		}
		r.at[f.atom] = append(r.at[f.atom], f.span)
	}
	for _, a := range r.atoms {
		for _, s := range g.slots[a] {
			r.occurs[s] |= somewhere | openly
		}
	}
	for a := range hidden {
		for _, s := range g.slots[a] {
			r.occurs[s] |= somewhere
		}
	}
	return r
}

// urgent returns the first rule of the most urgent class that holds, or nil.
func (r *reading) urgent() *rule {
	var best *rule
	for slot, how := range r.occurs {
		if how&openly == 0 {
			continue
		}
		for _, i := range r.g.byFirst[slot] {
			x := &r.g.rules[i]
			if (best == nil || x.order < best.order) && r.holds(x) {
				best = x
			}
		}
	}
	return best
}

// holds reports whether a rule's terms are found. What is cheap to see is
// looked at first.
func (r *reading) holds(x *rule) bool {
	for i := range x.terms {
		if r.occurs[x.terms[i].slot]&openly == 0 {
			return false
		}
	}
	for _, s := range x.with {
		if r.occurs[s]&openly == 0 {
			return false
		}
	}
	for _, s := range x.without {
		if r.occurs[s] != 0 {
			return false
		}
	}
	if x.strength == plain && r.g.howTo >= 0 && r.occurs[r.g.howTo] != 0 {
		return false
	}
	return r.chain(x.terms) && (x.strength != alone || r.saysNothingElse(x.order))
}

// occurrences returns where the words of a slot stand.
func (r *reading) occurrences(slot int32) []span {
	list, ok := r.cache[slot]
	if !ok {
		for _, a := range r.atoms {
			if _, in := slices.BinarySearch(r.g.slots[a], slot); in {
				list = append(list, r.at[a]...)
			}
		}
		r.cache[slot] = list
	}
	return list
}

// chain reports whether the terms follow one another. It goes from term to
// term with all the places where the terms so far can end, so that its time
// is bounded however often a word is said.
func (r *reading) chain(terms []term) bool {
	n := len(r.text.runes)
	var ends, next []bool // by place
	earliest := 0
	for i := range terms {
		m := &terms[i]
		lone := len(terms) == 1
		if !lone {
			next = make([]bool, n+1)
		}
		last := n + 1
		for _, o := range r.occurrences(m.slot) {
			if m.first && o.start != 0 || m.end && o.end != n || i > 0 && !follows(ends, earliest, o.start, m.gap) {
				continue
			}
			if lone {
				return true
			}
			next[o.end] = true
			last = min(last, o.end)
		}
		if last > n {
			return false
		}
		ends, earliest = next, last
	}
	return true
}

// follows reports whether a term at start stands at most gap behind one of
// the ends, of which the earliest is given.
func follows(ends []bool, earliest, start, gap int) bool {
	if gap == anyGap {
		return start >= earliest
	}
	return slices.Contains(ends[max(0, start-gap):start+1], true)
}

// saysNothingElse reports whether the text is made of words of the classes
// with the same outcome, and of filler.
func (r *reading) saysNothingElse(order int) bool {
	said := make([]bool, len(r.text.runes))
	for _, a := range r.atoms {
		if !slices.ContainsFunc(r.g.slots[a], func(s int32) bool { return r.g.social(s, classes[order].outcome) }) {
			continue
		}
		for _, o := range r.at[a] {
			for k := o.start; k < o.end; k++ {
				said[k] = true
			}
		}
	}
	rest := 0
	for _, s := range said {
		if !s {
			rest++
		}
	}
	return rest <= min(len(said)/6, 1)
}

// social reports whether a slot is of filler, or the first of a rule for texts
// that say nothing else.
func (g *Guard) social(slot int32, outcome Outcome) bool {
	return slot == g.filler || slices.ContainsFunc(g.byFirst[slot], func(i int32) bool {
		return g.rules[i].strength == alone && classes[g.rules[i].order].outcome == outcome
	})
}

// squeezed is a normalised text without blanks, punctuation and signs, so
// that i.g.n.o.r.e and 着 火 了 read like the words they are.
type squeezed struct {
	runes []rune
	after []bool // whether something was left out before the rune
}

func squeeze(text string) squeezed {
	for _, r := range text {
		if r > 0x7f && r < 0x600 {
			text = unlike(text)
			break
		}
	}
	t := squeezed{make([]rune, 0, len(text)), make([]bool, 0, len(text))}
	left := true
	for _, r := range text {
		if !nlp.IsHan(r) && !isLetterOrDigit(r) {
			left = true
			continue
		}
		t.runes, t.after = append(t.runes, r), append(t.after, left)
		left = false
	}
	return t
}

func isLetterOrDigit(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
}

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' }

// wordEdges reports whether a latin word ends at both edges, rather than
// going on: hi is not in shi.
func (t squeezed) wordEdges(start, end int) bool {
	return (start == 0 || t.after[start] || !isLetter(t.runes[start]) || !isLetter(t.runes[start-1])) &&
		(end == len(t.runes) || t.after[end] || !isLetter(t.runes[end-1]) || !isLetter(t.runes[end]))
}
