package desk

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

var (
	// ErrNoCall means that there is no call of that id.
	ErrNoCall = errors.New("没有这通来电")
	// ErrClosed means that the call is closed and its order has been made.
	ErrClosed = errors.New("这通来电已经办结")
	// ErrNotYours means that the call is another operator's.
	ErrNotYours = errors.New("这是别的坐席的来电")
	// ErrBadCall means that something said about a call is not acceptable; the
	// error says what.
	ErrBadCall = errors.New("来电信息有误")
	// ErrChanged means that the answer is no longer what the operator saw.
	ErrChanged = errors.New("答复的内容刚刚更新，请看过新的再采用")
)

// The longest of what a call can hold.
const (
	MaxLines   = 3000
	MaxLine    = 500  // characters
	MaxNotes   = 4000 // characters
	MaxSaid    = 8000 // characters of an answer as it was edited
	maxCaller  = 32   // characters
	maxComment = 1000 // characters
	maxID      = 64   // bytes
	maxAdopted = 200  //
	MaxBatch   = 200  // lines posted at once
)

// A Group is the side of the experiment that a call is on.
type Group string

// The groups. Calls of the control group get no suggestions.
const (
	Assisted Group = "assisted"
	Control  Group = "control"
)

// A Call (来电) is what is kept of one telephone call.
type Call struct {
	ID       string            `json:"id"`
	Operator string            `json:"operator"`
	Caller   string            `json:"caller,omitempty"` // number, if the operator has taken it down
	Region   corpus.RegionCode `json:"region,omitempty"`
	Group    Group             `json:"group"`
	Opened   time.Time         `json:"opened"`
	Ended    time.Time         `json:"ended,omitzero"`  // when the talk was over
	Closed   time.Time         `json:"closed,omitzero"` // when the order was made
	Version  uint64            `json:"version"`         // counts the changes
	Lines    []Line            `json:"lines"`
	Settled  int               `json:"settled"` // how many of the lines have been dealt with
	State    string            `json:"state,omitempty"`
	Notes    string            `json:"notes"`
	Adopted  []Adoption        `json:"adopted"`
	Wrap     Wrap              `json:"wrap"`
	Reviews  []Review          `json:"reviews,omitempty"`
}

// A Line is one piece of a call's transcript. Personal data in it are masked.
type Line struct {
	ID      string    `json:"id,omitempty"` // the sender's own; a line sent twice is kept once
	Speaker string    `json:"speaker"`      // CallerSays or OperatorSays
	Text    string    `json:"text"`
	At      time.Time `json:"at,omitzero"`
}

// The states of an adopted answer.
const (
	Adopted  = "adopted"
	Pending  = "pending" // waits for a supervisor
	Approved = "approved"
	Refused  = "refused"
)

// An Adoption is an answer that the operator has taken for the caller.
type Adoption struct {
	ID         string         `json:"id"`
	At         time.Time      `json:"at"`
	Status     string         `json:"status"`
	Code       string         `json:"code"`
	Name       string         `json:"name"`
	Agency     string         `json:"agency"`
	Themes     []corpus.Theme `json:"themes,omitempty"`
	Transfer   string         `json:"transfer,omitempty"` // 转派规则 of the matter
	Aspect     nlp.Aspect     `json:"aspect"`
	Edition    corpus.Edition `json:"edition"`
	Asked      string         `json:"asked"`          // what was searched for; masked
	Text       string         `json:"text"`           // as the guide gives it
	Said       string         `json:"said,omitempty"` // as the operator edited it; empty when unchanged
	Facts      []answer.Fact  `json:"facts"`
	Place      int            `json:"place"` // in the list, from 1; 0 when it was called up by itself
	Confidence float64        `json:"confidence"`
	By         string         `json:"by,omitempty"` // who approved or refused it
	Comment    string         `json:"comment,omitempty"`
}

// Spoken is the text that the caller is told.
func (a Adoption) Spoken() string {
	if a.Said != "" {
		return a.Said
	}
	return a.Text
}

// StatusName is what the state of the answer is called on pages.
func (a Adoption) StatusName() string {
	switch a.Status {
	case Pending:
		return "待审"
	case Approved:
		return "审过"
	case Refused:
		return "未同意"
	}
	return "已采用"
}

// Tellable reports whether the answer may be told: it waits for nobody and
// was not refused.
func (a Adoption) Tellable() bool { return a.Status == Adopted || a.Status == Approved }

// Results are what can become of a call.
var Results = []string{"已答复", "已转接", "需派单", "需回访", "无效来电"}

// Categories are the kinds of requests of GB/T 33358.
var Categories = []string{"咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"}

// A Wrap is what an operator confirms after a call. All of it is drafted.
type Wrap struct {
	Summary     string `json:"summary"`
	Category    string `json:"category"`
	CategoryWhy string `json:"categoryWhy,omitempty"`
	Agency      string `json:"agency"`
	AgencyWhy   string `json:"agencyWhy,omitempty"`
	Result      string `json:"result"`
}

// A Review is a supervisor's judgement of a call's quality.
type Review struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Score   int       `json:"score"` // 0 to 100
	Comment string    `json:"comment,omitempty"`
}

// heard is what the desk has to go by.
func (c *Call) heard(typed string) Heard {
	h := Heard{Typed: typed, State: c.State, Region: c.Region}
	for _, l := range c.Lines[min(c.Settled, len(c.Lines)):] {
		if l.Speaker == CallerSays {
			h.Lines = append(h.Lines, l.Text)
		}
	}
	return h
}

// open reports whether the call can still be changed.
func (c *Call) open() error {
	if !c.Closed.IsZero() {
		return fmt.Errorf("%w：%s", ErrClosed, c.ID)
	}
	return nil
}

func tooLong(what, text string, limit int) error {
	if n := utf8.RuneCountInString(text); n > limit {
		return fmt.Errorf("%w：%s有 %d 个字，最多 %d 个字", ErrBadCall, what, n, limit)
	}
	return nil
}

// say adds lines that are not there yet.
func (c *Call) say(lines []Line, now time.Time) error {
	if err := c.open(); err != nil {
		return err
	}
	for _, l := range lines {
		l.Text = strings.TrimSpace(l.Text)
		switch {
		case l.Speaker != CallerSays && l.Speaker != OperatorSays:
			return fmt.Errorf("%w：speaker 应为 caller 或 operator", ErrBadCall)
		case l.Text == "":
			return fmt.Errorf("%w：text 不能为空", ErrBadCall)
		case len(l.ID) > maxID:
			return fmt.Errorf("%w：id 最长 %d 字节", ErrBadCall, maxID)
		}
		if err := tooLong("这一句", l.Text, MaxLine); err != nil {
			return err
		}
		if l.ID != "" && slices.ContainsFunc(c.Lines, func(o Line) bool { return o.ID == l.ID }) {
			continue
		}
		if len(c.Lines) >= MaxLines {
			return fmt.Errorf("%w：一通来电最多 %d 句", ErrBadCall, MaxLines)
		}
		l.Text = guard.Mask(l.Text)
		if l.At.IsZero() {
			l.At = now
		}
		c.Lines = append(c.Lines, l)
	}
	return nil
}

// adopted finds an adoption, nil if there is none of the id.
func (c *Call) adopted(id string) *Adoption {
	i := slices.IndexFunc(c.Adopted, func(a Adoption) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return &c.Adopted[i]
}

// take keeps an adopted answer; what was said so far is settled by it.
func (c *Call) take(a Adoption, state string) error {
	if err := c.open(); err != nil {
		return err
	}
	if len(c.Adopted) >= maxAdopted {
		return fmt.Errorf("%w：一通来电最多采用 %d 条答复", ErrBadCall, maxAdopted)
	}
	c.Adopted = append(c.Adopted, a)
	c.Settled, c.State = len(c.Lines), state
	return nil
}
