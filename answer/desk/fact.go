package desk

import (
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// The types of the facts that operators leave in the journal; the data of each
// is a [Lesson]. A fact whose ID has been read is the same fact again.
const (
	FactAdopt  = "desk.adopt"  // an answer was taken as it is
	FactEdit   = "desk.edit"   // an answer was taken with other words
	FactReject = "desk.reject" // an answer was judged not to fit
	FactReport = "desk.report" // a field of an answer was said to be wrong
)

// A Lesson is what an operator did with a suggested answer. It says nothing of
// who called, and changes no ranking: editors look at it.
type Lesson struct {
	ID         string            `json:"id"`
	Call       string            `json:"call"`
	Operator   string            `json:"operator"`
	Asked      string            `json:"asked"` // what was searched for; personal data masked
	Region     corpus.RegionCode `json:"region,omitempty"`
	Matter     string            `json:"matter"`
	Aspect     nlp.Aspect        `json:"aspect"`
	Edition    corpus.Edition    `json:"edition"` // of the answer
	Text       string            `json:"text"`    // of the answer
	Said       string            `json:"said,omitempty"`
	Field      string            `json:"field,omitempty"`  // that is reported
	Reason     string            `json:"reason,omitempty"` // why it was rejected or what is wrong; masked
	Place      int               `json:"place"`            // in the list, from 1
	Confidence float64           `json:"confidence"`
	Band       Band              `json:"band"`
	Group      Group             `json:"group"`
}

// RejectReasons are the reasons that an operator can give.
var RejectReasons = []string{"答非所问", "不是这个事项", "信息过期", "不完整", "其他"}
