package answer

import (
	"github.com/govqa/govqa/corpus"
)

// A SearchRequest is a search of the matters by words and filters.
type SearchRequest struct {
	Text     string // may be empty with a theme: then the theme's matters are listed
	Region   corpus.RegionCode
	Audience corpus.Audience
	Theme    corpus.Theme
	Limit    int    // 1 to 50; 0 means 10
	Cursor   string // of the page before
}

// A SearchPage is one page of matters found.
type SearchPage struct {
	Matters []MatterRef    `json:"matters"`
	Next    string         `json:"next,omitempty"` // cursor of the next page; empty at the end
	Total   int            `json:"total"`          // found in all, at most 100
	Edition corpus.Edition `json:"edition"`
}

// A Suggestion completes what is being typed.
type Suggestion struct {
	Text string `json:"text"` // what to ask
	Code string `json:"code"` // of the matter
}

// A ThemeCount is a theme and how many matters in force it has.
type ThemeCount struct {
	Name     corpus.Theme `json:"name"`
	Audience string       `json:"audience"` // person or legal
	Matters  int          `json:"matters"`
}

// A RegionCount is a division that the corpus covers.
type RegionCount struct {
	Code    corpus.RegionCode `json:"code"`
	Name    string            `json:"name"`
	Parent  corpus.RegionCode `json:"parent"`
	Matters int               `json:"matters"` // its own, not those it inherits
}

// A HotQuestion is a question that is often asked.
type HotQuestion struct {
	Text string `json:"text"`
	Code string `json:"code"` // the matter that answers it
}

// A Feedback rates an answer.
type Feedback struct {
	Answer  string   `json:"answer"`            // id of the answer
	Rating  int      `json:"rating"`            // 1 satisfied, -1 not
	Reasons []string `json:"reasons,omitempty"` // of FeedbackReasons
	Text    string   `json:"text,omitempty"`    // at most 500 characters
}

// FeedbackReasons are the reasons that a citizen can give.
var FeedbackReasons = []string{"答非所问", "信息过期", "不完整", "看不懂", "其他"}
