package desk

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// Who says a line.
const (
	CallerSays   = "caller"
	OperatorSays = "operator"
)

// A Consultant answers what a caller has said: the engine.
type Consultant interface {
	Consult(ctx context.Context, r answer.Request, limit int) (answer.Consultation, error)
}

// How much of a call a query is made of: what was said longer ago has been
// dealt with or has been said again.
const (
	maxHeard  = 120 // characters
	maxWindow = 12  // lines
)

// longer is how much less confident a longer stretch of the call may be than
// a shorter one and still be preferred: it knows more of what is meant.
const longer = .05

// Heard is what a query is made of.
type Heard struct {
	Lines  []string // the caller's, since the last that was settled, oldest first
	Typed  string   // by the operator; what is typed goes before what was heard
	State  string   // of the answer that was adopted last
	Region corpus.RegionCode
}

// texts are the stretches that the call may be about, the longest first: all
// that was heard since the last settled point, the last three lines, the last
// line.
func (h *Heard) texts() []string {
	if typed := clip(strings.TrimSpace(h.Typed), answer.MaxText); typed != "" {
		return []string{typed}
	}
	var lines []string
	for _, l := range h.Lines {
		if l = strings.TrimSpace(l); !idle(l) {
			lines = append(lines, l)
		}
	}
	var texts []string
	for _, n := range []int{maxWindow, 3, 1} {
		if len(lines) == 0 {
			break
		}
		text := tail(strings.Join(lines[max(0, len(lines)-n):], "，"), maxHeard)
		if len(texts) == 0 || texts[len(texts)-1] != text {
			texts = append(texts, text)
		}
	}
	return texts
}

// Follow answers what has been heard of a call so far. Of the stretches that
// it may be about it takes the one whose first matter is surest, a longer one
// before a shorter. ok is false when nothing has been said yet.
func Follow(ctx context.Context, e Consultant, h Heard, limit int) (c answer.Consultation, ok bool, err error) {
	for _, text := range h.texts() {
		next, err := e.Consult(ctx, answer.Request{Text: text, State: h.State, Region: h.Region}, limit)
		if err != nil {
			return c, false, err
		}
		if !ok || weight(&next) > weight(&c)+longer {
			c, ok = next, true
		}
	}
	return c, ok, nil
}

// weight says how much is known from a consultation. What must be acted upon
// goes before everything.
func weight(c *answer.Consultation) float64 {
	switch c.Answer.Outcome {
	case answer.Emergency:
		return 2
	case answer.Answered, answer.Clarify, answer.Choose:
		return c.Answer.Confidence
	case answer.Handoff, answer.Refused:
		return .2
	}
	return 0
}

// idleWords are lines that say nothing: they would only blur what was said.
var idleWords = []string{"喂", "你好", "您好", "请问", "嗯", "哦", "噢", "啊", "对", "对的", "对对", "是", "是的", "好", "好的", "行", "可以", "谢谢",
	"知道了", "明白了", "没有了", "没了", "再见", "拜拜", "在吗", "听得到吗", "麻烦了", "那个", "就是", "这样啊"}

// idle reports whether a line is made of idle words only.
func idle(line string) bool {
	rest := strings.NewReplacer("，", " ", "。", " ", "？", " ", "！", " ", ",", " ", ".", " ", "?", " ", "!", " ", "、", " ", "…", " ").Replace(line)
	for part := range strings.FieldsSeq(rest) {
		for part != "" {
			word := ""
			for _, w := range idleWords {
				if strings.HasPrefix(part, w) && len(w) > len(word) {
					word = w
				}
			}
			if word == "" {
				return false
			}
			part = part[len(word):]
		}
	}
	return true
}

// tail keeps the last n characters, beginning after a comma if there is one.
func tail(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	kept := string(runes[len(runes)-n:])
	if _, after, ok := strings.Cut(kept, "，"); ok && after != "" {
		return after
	}
	return kept
}

// clip keeps the first n characters.
func clip(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}
