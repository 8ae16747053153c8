// Package recommend suggests the matters that a person is likely to need
// next. Named sources vote for matters, a blend adds up the votes, hard rules
// strike out what is done, not allowed or out of season, and each suggestion
// carries a reason in plain Chinese made from its largest contribution.
//
// The package keeps everything in memory and knows no database: a [Model]
// counts what people did one after the other, in whole numbers, so that any
// order of adding and taking away ends with the same numbers. Package
// recommend/history keeps the events that the model is made of.
package recommend

import (
	"time"

	"github.com/govqa/govqa/corpus"
)

// A Kind says where a suggestion comes from, by its name in the API.
type Kind string

// The kinds of suggestion.
const (
	KindNext    Kind = "next"    // what comes after: by a life event or by what others did
	KindBundle  Kind = "bundle"  // another matter of the same life event
	KindPopular Kind = "popular" // often done here
	KindSeason  Kind = "season"  // done in these weeks of earlier years
	KindRenewal Kind = "renewal" // the person's own permit ends, or a yearly matter returns
	KindSimilar Kind = "similar" // alike in content
)

// A Suggestion is a matter to go on with.
type Suggestion struct {
	Code    string
	Kind    Kind
	Source  string   // name of the source that contributed most
	Reason  string   // in plain Chinese, true for this suggestion
	From    string   // code of the matter that it follows from; may be empty
	Support int      // distinct people behind the reason; 0 if it rests on no counting
	Rest    []string // codes of the other matters of the same life event that the card stands for
	Score   float64  // comparable only within one list
}

// A Query is for whom and from what to suggest. The zero value asks for what
// suits everyone.
type Query struct {
	Person   PersonKey // left out among the peers
	About    string    // the matter just answered; it counts as the newest step
	Steps    []Step    // what the person did, newest first, one for each event
	Region   corpus.RegionCode
	Audience corpus.Audience
	Now      time.Time
}

// A Step is one matter in somebody's history.
type Step struct {
	Matter string
	At     time.Time
	Act    Act // the strongest thing done
}

// A Vote is what one source says for one matter.
type Vote struct {
	Code   string
	Score  float64 // above 0; the blend compares votes of one source only
	Reason Reason
}

// A Reason is what a vote rests on; [Reason.Text] words it.
type Reason struct {
	Kind   Kind
	From   string            // the matter that it follows from
	People int               // distinct people who went on so, or did the matter
	Of     int               // distinct people who could have
	Bundle string            // name of the life event
	Order  Order             // how the matter stands to From in the life event
	Region corpus.RegionCode // where people did it
	Due    time.Time         // when the person's own permit ends
	Quote  string            // the guide's words on how long it holds
	Month  time.Month        // of the season
}

// An Order says how two matters of a life event stand to each other.
type Order uint8

// The orders.
const (
	OrderNone     Order = iota
	OrderAfter          // may be done once the other is done
	OrderLater          // stands further down the list
	OrderAlong          // stands further up
	OrderFirst          // must be done before
	OrderEntrance       // is where the life event begins
)

// A Source votes for matters. Implementations may be called by many at once.
type Source interface {
	// Name is the source's name in the API and in reports.
	Name() string
	// Votes returns the source's votes, each matter at most once.
	Votes(q *Query) []Vote
}

// steps returns the steps to look at, with the matter just answered in front.
func (q *Query) steps() []Step {
	steps := walk(q.Steps)
	if q.About == "" {
		return steps
	}
	list := []Step{{Matter: q.About, At: q.Now, Act: ActAsk}}
	for _, s := range steps {
		if s.Matter != q.About {
			list = append(list, s)
		}
	}
	return list
}
