// Package guard catches what must not reach the search: emergencies and
// crises, complaints and other things for a person to handle, attacks, and
// what lies outside a government service; and it hides personal data.
//
// What it looks for and what it replies are data (files under data/), written
// and reviewed by people, which a city can replace file by file. There is no
// model in it, so that the same text always gets the same reply. It is pure Go
// and knows nothing of matters, so that it can run before everything else.
package guard

import "github.com/govqa/govqa/nlp"

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
	{"suicide", Emergency},
	{"child_abuse", Emergency},
	{"violence", Emergency},
	{"crime", Emergency},
	{"trapped", Emergency},
	{"missing", Emergency},
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

// Outcome returns what becomes of a text of the class, or "" when there is no
// such class.
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
	normal := nlp.Normalize(text)
	best, rule := g.match(normal)
	if inj := Class("injection").order(); best > inj {
		if name := g.hidden(text, normal); name != "" {
			best, rule = inj, name
		}
	}
	if best == len(classes) {
		name := meaningless(normal)
		if name == "" {
			return Finding{}, false
		}
		best, rule = Class("gibberish").order(), name
	}
	c := classes[best]
	return Finding{c.class, c.outcome, g.replies[c.class], rule}, true
}

// match returns the order of the most urgent class that a rule finds in the
// normalised text, and where the rule is written; len(classes) when none does.
func (g *Guard) match(text string) (best int, where string) {
	t := squeeze(text)
	if len(t.runes) == 0 {
		return len(classes), ""
	}
	if r := g.read(t).urgent(); r != nil {
		return r.order, r.where
	}
	return len(classes), ""
}
