// Package guard catches what must not reach the search: emergencies and
// crises, complaints and other things for a person to handle, attacks, and
// what lies outside a government service; and it hides personal data.
//
// What it looks for and what it replies are data (files under data/), written
// and reviewed by people, which a city can replace file by file. There is no
// model in it, so that the same text always gets the same reply. It is pure Go
// and knows nothing of matters, so that it can run before everything else.
package guard

import (
	"slices"
	"strings"

	"github.com/govqa/govqa/nlp"
)

// An Outcome is what becomes of a caught text. The values are those of the
// contract.
type Outcome string

// The outcomes that the guard can bring about.
const (
	Emergency Outcome = "emergency"
	Handoff   Outcome = "handoff"
	Refused   Outcome = "refused"
	NotFound  Outcome = "not_found"
	Smalltalk Outcome = "smalltalk"
)

// A Class is a kind of text that is caught. The list is closed.
type Class string

// classes lists every class with its outcome, the most urgent first: a text
// that says several things is of the first of them.
var classes = []struct {
	class   Class
	outcome Outcome
}{
	{"fire", Emergency},
	{"gas", Emergency},
	{"drowning", Emergency},
	{"medical", Emergency},
	{"traffic", Emergency},
	{"crime", Emergency},
	{"trapped", Emergency},
	{"missing", Emergency},
	{"suicide", Emergency},
	{"child_abuse", Emergency},
	{"violence", Emergency},
	{"fraud", Emergency},

	{"injection", Refused},
	{"illegal", Refused},
	{"politics", Refused},

	{"human", Handoff},
	{"wages", Handoff},
	{"consumer", Handoff},
	{"corruption", Handoff},
	{"complaint", Handoff},
	{"dispute", Handoff},
	{"petition", Handoff},
	{"account", Handoff},
	{"lawsuit", Handoff},
	{"judgement", Handoff},

	{"dosage", Refused},
	{"abroad", Refused},
	{"commercial", Refused},
	{"task", Refused},
	{"outside", Refused},

	{"entertain", Smalltalk},
	{"identity", Smalltalk},
	{"insult", Smalltalk},
	{"thanks", Smalltalk},
	{"bye", Smalltalk},
	{"greeting", Smalltalk},

	{"gibberish", NotFound},
}

// Classes lists every class, the most urgent first.
func Classes() []Class {
	list := make([]Class, len(classes))
	for i, c := range classes {
		list[i] = c.class
	}
	return list
}

// An Outcome of a class, or "" when there is no such class.
func (c Class) Outcome() Outcome {
	if i := c.order(); i >= 0 {
		return classes[i].outcome
	}
	return ""
}

func (c Class) order() int {
	for i := range classes {
		if classes[i].class == c {
			return i
		}
	}
	return -1
}

// A Call is a number to ring.
type Call struct {
	Label string // 拨打 119（火警）
	Phone string // digits only
}

// A Reply is the reviewed standing text of a class.
type Reply struct {
	Text  string
	Calls []Call
}

// A Finding is what was caught.
type Finding struct {
	Class   Class
	Outcome Outcome
	Reply   Reply
	Rule    string // file:line of the rule, or the name of a built-in test
}

// A Guard catches texts. It is immutable and safe for concurrent use.
type Guard struct {
	rules   []rule
	byFirst [][]int32 // slot to the rules that begin with it
	slots   [][]int32 // atom to the slots it stands in
	neutral []bool    // atom is a neutral phrase
	latin   []bool    // atom begins, or ends, with a latin letter
	atoms   *nlp.Phrases
	howTo   int32 // slot of the set 办事; -1 is none
	filler  int32 // slot of the set 套话; -1 is none
	replies map[Class]Reply
}

// Check reports whether a citizen's text must be caught. It takes the text as
// it was typed, since what is hidden in it is lost by normalising.
func (g *Guard) Check(text string) (Finding, bool) {
	best, rule := g.match(text)
	if inj := Class("injection").order(); best > inj {
		if name := g.hidden(text); name != "" {
			best, rule = inj, name
		}
	}
	if best == len(classes) {
		name := meaningless(nlp.Normalize(text))
		if name == "" {
			return Finding{}, false
		}
		best, rule = Class("gibberish").order(), name
	}
	c := classes[best]
	return Finding{c.class, c.outcome, g.replies[c.class], rule}, true
}

// match returns the order of the most urgent class that a rule finds in the
// text, and where the rule is written; len(classes) when none does.
func (g *Guard) match(text string) (best int, where string) {
	best = len(classes)
	t := squeeze(nlp.Normalize(text))
	if len(t.runes) == 0 {
		return best, ""
	}
	hits := g.find(t)
	for _, h := range hits {
		for _, i := range g.byFirst[h.slot] {
			r := &g.rules[i]
			if r.order < best && r.holds(g, t, hits) {
				best, where = r.order, r.where
			}
		}
	}
	return best, where
}

// find looks for all atoms. A hit is one atom in one slot.
func (g *Guard) find(t squeezed) []hit {
	type found struct {
		atom       int
		start, end int
	}
	all := make([]found, 0, 64)
	var neutral []found
	g.atoms.Each(t.runes, func(atom, start, end int) {
		if g.latin[atom] && !t.wordEdges(start, end) {
			return
		}
		if g.neutral[atom] {
			neutral = append(neutral, found{atom, start, end})
		}
		if len(g.slots[atom]) > 0 {
			all = append(all, found{atom, start, end})
		}
	})
	hits := make([]hit, 0, 2*len(all))
	for _, f := range all {
		inside := slices.ContainsFunc(neutral, func(n found) bool {
			return n.start <= f.start && f.end <= n.end && n.end-n.start > f.end-f.start
		})
		for _, s := range g.slots[f.atom] {
			hits = append(hits, hit{s, f.start, f.end, inside})
		}
	}
	return hits
}

// squeezed is a normalised text without blanks, punctuation and signs, so
// that i.g.n.o.r.e and 着 火 了 read like the words they are.
type squeezed struct {
	runes []rune
	after []bool // whether something was left out before the rune
}

// lookalikes are letters of other scripts that show like latin ones.
var lookalikes = strings.NewReplacer("а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "х", "x", "у", "y", "і", "i", "ѕ", "s", "ј", "j",
	"к", "k", "м", "m", "т", "t", "н", "h", "в", "b", "ԁ", "d", "ɡ", "g", "ո", "n", "ο", "o", "α", "a", "ι", "i", "ν", "v", "ρ", "p", "τ", "t", "ı", "i")

func squeeze(text string) squeezed {
	for _, r := range text {
		if r > 0x7f && r < 0x600 {
			text = lookalikes.Replace(text)
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
