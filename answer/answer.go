// Package answer turns a citizen's question into an answer: it understands
// the question, finds the matter, decides what to do, composes the answer
// from the guide's fields word for word, and adds what to do next.
//
// Facts come from the corpus and from nowhere else. A field that is not
// published is said to be missing; it is never guessed.
package answer

import (
	"errors"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// MaxText is the length of the longest question, in characters.
const MaxText = 300

// ErrBadQuestion means that a question is empty or longer than MaxText.
var ErrBadQuestion = errors.New("bad question")

// A Request is one question and what is known of who asks.
type Request struct {
	Text     string            // 1 to MaxText characters
	State    string            // of the answer before, as given; may be empty
	Region   corpus.RegionCode // where the asker lives or chose to ask for
	Audience corpus.Audience   // as whom they ask
	Subject  string            // a pseudonym, for recommendations
	Earlier  []string          // what was said before in this conversation, the oldest first; not read where there is a State
	Silent   bool              // leaves no trace: is not journalled, counted or remembered
	Channel  Channel           // by which the question comes; "" never meets a language model
	Tenant   string            // the name of the API key that it came with; "" is the public
}

// An Outcome is what became of a question. The list is closed.
type Outcome string

// The outcomes of the contract.
const (
	Answered  Outcome = "answered"
	Choose    Outcome = "choose"
	Clarify   Outcome = "clarify"
	NotFound  Outcome = "not_found"
	Refused   Outcome = "refused"
	Handoff   Outcome = "handoff"
	Emergency Outcome = "emergency"
	Smalltalk Outcome = "smalltalk"
)

// Outcomes lists every outcome.
var Outcomes = []Outcome{Answered, Choose, Clarify, NotFound, Refused, Handoff, Emergency, Smalltalk}

// Who wrote an answer's text.
const (
	ByTemplate = "template" // composed from fields
	ByLLM      = "llm"      // reworded by a model, facts checked
	ByCanned   = "canned"   // a reviewed standing text
)

// The notices that an answer can carry.
const (
	NoticeSample       = "sample_data"        // the answer rests on made-up sample data
	NoticeStateIgnored = "state_ignored"      // the state was damaged, forged or too old
	NoticeMissing      = "field_missing"      // the field asked for is not published
	NoticeRegion       = "region_not_covered" // the place named is not covered by the corpus
	NoticeMasked       = "pii_masked"         // personal data in the question were left out
)

// An Answer is what a citizen gets. Its JSON is the contract's.
type Answer struct {
	ID              string           `json:"id"`
	Outcome         Outcome          `json:"outcome"`
	Text            string           `json:"text"`
	GeneratedBy     string           `json:"generatedBy"`
	Aspect          nlp.Aspect       `json:"aspect"`
	Matters         []MatterRef      `json:"matters"` // the answered one first; or what is offered
	Facts           []Fact           `json:"facts"`
	Options         []Option         `json:"options"` // what can be chosen or asked next, as buttons
	Recommendations []Recommendation `json:"recommendations"`
	Actions         []Action         `json:"actions"`
	Notices         []string         `json:"notices"`
	Confidence      float64          `json:"confidence"` // 0..1
	Edition         corpus.Edition   `json:"edition"`
	State           string           `json:"state"` // to be sent back with the next question
	ElapsedMS       float64          `json:"elapsedMs"`
	AIGC            *AIGC            `json:"aigc,omitempty"` // of a text that a model has worded, and no other
}

// A MatterRef names a matter in an answer.
type MatterRef struct {
	Code   string   `json:"code"`
	Name   string   `json:"name"`
	Agency string   `json:"agency"`
	Region string   `json:"region"`
	Score  float64  `json:"score"` // 0..1
	Why    []string `json:"why"`   // in plain Chinese
}

// A Fact is one field of a record, quoted word for word.
type Fact struct {
	Code   string     `json:"code"`  // of the matter, or the FAQ's id
	Field  string     `json:"field"` // key of the import format
	Label  string     `json:"label"` // in Chinese
	Value  string     `json:"value"`
	Source FactSource `json:"source"`
}

// A FactSource says where a fact was published.
type FactSource struct {
	URL     string `json:"url"`
	Updated string `json:"updated"`
	Title   string `json:"title,omitempty"` // of a policy, with its number; empty for a guide
	Place   string `json:"place,omitempty"` // path on this service of the very passage
}

// An Option is something that can be tapped: a matter to choose (Code set)
// or a question to go on with.
type Option struct {
	Label string `json:"label"`
	Text  string `json:"text"` // the question that tapping asks
	Code  string `json:"code"`
}

// A Recommendation is a matter that the asker is likely to need next.
type Recommendation struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Reason string `json:"reason"` // in plain Chinese
	Kind   string `json:"kind"`

	Source  string   `json:"source,omitempty"`  // what contributed most
	From    string   `json:"from,omitempty"`    // the matter that it follows from
	Support int      `json:"support,omitempty"` // distinct people behind the reason, at least 20
	Rest    []string `json:"rest,omitempty"`    // other matters of the same life event
	Switch  string   `json:"switch,omitempty"`  // where personalisation is switched off
}

// An Action is something that can be done now.
type Action struct {
	Type  string `json:"type"` // online, booking, call, map, complaint
	Label string `json:"label"`
	URL   string `json:"url"` // https:…, or tel:…
}
