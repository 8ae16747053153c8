package answer

import (
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// understood is a question with all that is known around it.
type understood struct {
	request   Request
	question  nlp.Question
	previous  state
	matter    string            // the matter that the question goes on with or picks; else empty
	place     corpus.RegionCode // named in the question or before
	foreign   string            // a place named that the corpus does not cover
	region    corpus.RegionCode // to answer for: the place, or what the asker chose
	none      bool              // what was offered is said to be wrong
	repliedAs corpus.Audience   // as whom, in reply to what was asked back
	clarifies bool              // the text replies to what was asked back
	notices   []string
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
	code, ok := u.picked()
	if ok && !slices.Contains(u.previous.Offered, code) {
		u.request.Text = code // the reply that an option stands for
		u.question, ok = v.parser.Parse(code), false
	}
	if u.previous.Rounds > 0 {
		switch u.request.Text {
		case replyShow:
			code, ok = u.previous.Offered[0], len(u.previous.Offered) > 0
		case replyNone:
			u.none = true
		}
	}
	if ok {
		u.matter = code
		if !u.question.Asked && previous.Aspect != "" {
			u.inheritAspect()
		}
	}
	return u
}

// inheritAspect asks for the aspect that was asked for before.
func (u *understood) inheritAspect() {
	u.question.Aspects, u.question.Asked = []nlp.Aspect{u.previous.Aspect}, u.previous.Aspect != nlp.AspectOverview
}

// said is the question as it can be taken up again, with what it goes on with.
func (u *understood) said() string {
	text := u.request.Text
	if u.clarifies {
		text = u.previous.Base + "，" + text
	}
	return string([]rune(text)[:min(maxBase, len([]rune(text)))])
}

// maxBase is how many characters of a question a state keeps.
const maxBase = 120

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
