package insight

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/govqa/govqa/corpus"
)

// A State is what has become of a gap.
type State string

// The states of a gap.
const (
	Open      State = "open"      // nobody has done anything
	Working   State = "working"   // somebody has taken it on
	Drafted   State = "drafted"   // what closes it has been written, and is not live yet
	Closed    State = "closed"    // an edition that answers it is live
	Dismissed State = "dismissed" // it is to have no answer here
)

// States lists the states of a gap.
var States = []State{Open, Working, Drafted, Closed, Dismissed}

// A Remedy is what staff wrote to close a gap.
type Remedy struct {
	Kind RemedyKind `json:"kind"`
	Key  corpus.Key `json:"key"`            // the record, or the judged question with an empty type
	Text string     `json:"text,omitempty"` // the alias or counter-question
	By   string     `json:"by"`
	Time time.Time  `json:"time"`
}

// A RemedyKind says what a [Remedy] is.
type RemedyKind string

// The kinds of remedies.
const (
	RemedyFAQ     RemedyKind = "faq"     // a standard question of its own
	RemedyAlias   RemedyKind = "alias"   // an everyday name of a matter
	RemedySimilar RemedyKind = "similar" // a similar question of an FAQ
	RemedyCounter RemedyKind = "counter" // a counter-question of an FAQ
	RemedyJudged  RemedyKind = "judged"  // a judged question
)

// A Closing says which edition closed a gap.
type Closing struct {
	Edition corpus.Edition `json:"edition"`
	Time    time.Time      `json:"time"`
	By      string         `json:"by"` // an account, or the program itself
}

// A Decision is what staff decided about a gap.
type Decision struct {
	State    State    `json:"state"`
	Agency   string   `json:"agency,omitempty"` // who owns it
	Due      string   `json:"due,omitempty"`    // a date, 2006-01-02
	Note     string   `json:"note,omitempty"`
	Taken    string   `json:"taken,omitempty"` // the account that works on it
	Remedies []Remedy `json:"remedies,omitempty"`
	Closed   *Closing `json:"closed,omitempty"`
	Told     []string `json:"told,omitempty"` // numbers of the messages that were replied to
}

// DecisionKind is the kind of document that a [Decision] is kept as, under the
// gap's id.
const DecisionKind = "gap"

// ParseDecision reads a document; there being none is a gap that is open.
func ParseDecision(value []byte) (Decision, error) {
	d := Decision{State: Open}
	if value == nil {
		return d, nil
	}
	if err := json.Unmarshal(value, &d); err != nil {
		return d, fmt.Errorf("gap decision: %w", err)
	}
	return d, nil
}

// dueAfter is how long a gap may stay open if nobody says otherwise.
const dueAfter = 7 * 24 * time.Hour

// A Case is a gap with what staff decided about it.
type Case struct {
	Gap
	Decision
	Again bool // it was closed, and has come up since
}

// CaseOf joins a gap and a decision. What comes up again in an edition that
// was to answer it is open again.
func CaseOf(g Gap, d Decision) Case {
	c := Case{Gap: g, Decision: d}
	if d.State == Closed && d.Closed != nil && g.Edition >= d.Closed.Edition && g.Last.After(d.Closed.Time) {
		c.State, c.Again = Open, true
	}
	if c.Due == "" {
		c.Due = g.First.Add(dueAfter).Format(time.DateOnly)
	}
	return c
}

// Done reports whether nothing is left to do about a case.
func (c *Case) Done() bool { return c.State == Closed || c.State == Dismissed }

// Overdue reports whether a case should have been closed before a day.
func (c *Case) Overdue(today string) bool { return !c.Done() && c.Due < today }

// SortCases puts what is most pressing first: what is open and overdue, then
// what comes up most often, then the newest.
func SortCases(cases []Case, today string) {
	slices.SortStableFunc(cases, func(a, b Case) int {
		rank := func(c *Case) int {
			switch {
			case c.Done():
				return 2
			case c.Overdue(today):
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), cmp.Compare(b.Count, a.Count), b.Last.Compare(a.Last), cmp.Compare(a.ID, b.ID))
	})
}
