package answer

import (
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// understood is a question with all that is known around it.
type understood struct {
	request  Request
	question nlp.Question
	previous state
	matter   string            // the matter that the question goes on with or picks; else empty
	place    corpus.RegionCode // named in the question or before
	foreign  string            // a place named that the corpus does not cover
	region   corpus.RegionCode // to answer for: the place, or what the asker chose
	notices  []string
}

// understand reads the question and what it takes from the conversation.
func (e *Engine) understand(v *view, r Request) understood {
	u := understood{request: r, region: r.Region}
	previous, err := readState(r.State, e.StateKey, e.Now())
	if err != nil {
		u.notices = append(u.notices, NoticeStateIgnored)
	}
	u.previous = previous
	u.question = v.parser.Parse(r.Text)
	u.readPlace(v)
	if u.region == "" {
		u.region = previous.Place
	}
	if code, ok := u.picked(); ok {
		u.matter = code
		if !u.question.Asked && previous.Aspect != "" {
			u.question.Aspects, u.question.Asked = []nlp.Aspect{previous.Aspect}, previous.Aspect != nlp.AspectOverview
		}
		return u
	}
	e.followUp(v, &u)
	return u
}

// readPlace finds the division that the question names. The innermost one
// that the corpus covers counts. One that it does not cover counts when the
// matter is to be done there, because the answer must say so.
func (u *understood) readPlace(v *view) {
	for _, f := range v.divisions.Find(u.question.Text) {
		for _, code := range f.Codes {
			if v.covers(code) {
				u.place, u.region = code, code
			} else if u.foreign == "" && len(f.Codes) == 1 && doneThere(u.question.Text, f.Start, code) {
				u.foreign = u.question.Text[f.Start:f.End]
			}
		}
	}
	if u.place != "" {
		u.foreign = ""
	}
}

// doneThere reports whether a place named at an offset is where a matter is
// to be done (上海的二建…, 户口在北京), rather than told by the way or the
// place that a traveller goes to. Hong Kong, Macao and Taiwan are nearly
// always the latter.
func doneThere(text string, at int, code corpus.RegionCode) bool {
	switch code[:2] {
	case "71", "81", "82":
		return false
	}
	before := strings.TrimRight(text[:at], " ,.:?!、")
	return before == "" || strings.HasSuffix(before, "在") || strings.HasSuffix(before, "我是")
}

// covers reports whether the corpus has matters of the division, or of one
// that it lies in.
func (v *view) covers(code corpus.RegionCode) bool {
	return slices.ContainsFunc(v.covered, func(c corpus.RegionCode) bool {
		return c != "" && (code.Within(c) || c.Within(code))
	})
}

// ordinals are the ways in which people pick from a list.
var ordinals = []string{"一", "二", "三", "四", "五", "六", "七", "八", "九", "十"}

// picked reports which of the offered matters the text picks: 第二个, 2, or
// the matter's code as a button sends it.
func (u *understood) picked() (string, bool) {
	text := strings.Trim(u.question.Text, " 。.,、吧的就要选是")
	if slices.Contains(u.previous.Offered, u.request.Text) {
		return u.request.Text, true
	}
	for i, code := range u.previous.Offered {
		if i == len(ordinals) {
			break
		}
		digit := string(rune('1' + i))
		if i == 9 {
			digit = "10"
		}
		for _, n := range []string{ordinals[i], digit} {
			if text == n || text == "第"+n || text == "第"+n+"个" || text == "第"+n+"项" || text == n+"号" {
				return code, true
			}
		}
	}
	if n := len(u.previous.Offered); n > 0 && (text == "最后一个" || text == "最后那个") {
		return u.previous.Offered[n-1], true
	}
	return "", false
}

// contextWeight is what the words of the matter talked about count in a
// follow-up.
const contextWeight = .5

// A question this short, with a word that leans on what was said before, goes
// on with it (in characters of content).
const (
	leaningContent = 12
	shortContent   = 4
)

// followUp makes a question that says no matter of its own one about the
// matter talked about: 那要多久 asks another aspect of it, 那换发呢 moves to
// its neighbour.
func (e *Engine) followUp(v *view, u *understood) {
	if u.previous.Matter == "" {
		return
	}
	content := len([]rune(u.question.Content()))
	if u.place != "" || u.foreign != "" {
		content -= len([]rune(placeName(v, u)))
	}
	switch {
	case content <= 1 && (u.question.Asked || u.place != ""):
		u.matter = u.previous.Matter
		if !u.question.Asked {
			u.question.Aspects, u.question.Asked = []nlp.Aspect{u.previous.Aspect}, u.previous.Aspect != nlp.AspectOverview
		}
	case leans(u.question.Text) && content <= leaningContent || content <= shortContent && strings.HasSuffix(u.question.Text, "呢"):
		rec, err := e.Corpus.GetAt(v.edition, corpus.Key{Type: corpus.TypeGuide, ID: u.previous.Matter})
		if g, ok := rec.(*corpus.Guide); err == nil && ok {
			u.question = v.parser.ParseFollowUp(u.request.Text, g.Name, contextWeight)
		}
	}
}

func placeName(v *view, u *understood) string {
	if u.foreign != "" {
		return u.foreign
	}
	name, _ := v.divisions.Name(u.place)
	return name
}

// leaningWords begin a question that leans on the one before.
var leaningWords = []string{"那", "如果", "要是", "换成", "换", "假如", "万一", "不是", "还有", "以后", "另外", "它", "这个", "他", "她", "我"}

func leans(text string) bool {
	trimmed := strings.TrimRight(text, " ?。!")
	for _, w := range leaningWords {
		if strings.HasPrefix(trimmed, w) {
			return w != "我" && w != "他" && w != "她" || strings.HasSuffix(trimmed, "呢")
		}
	}
	return false
}
