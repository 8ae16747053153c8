package answer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
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
	among     []index.Hit       // what a picked option leaves, when it is several
	cases     []string          // of the matter's materials that are the asker's
	casesSaid bool              // whether the asker has said which
	clarifies bool              // the text replies to what was asked back
	notices   []string
	trace     *Trace // nil unless somebody wants to know how the answer comes about
}

// understand reads the question and what it takes from the conversation.
func (e *Engine) understand(v *view, r Request) understood {
	u := understood{request: r, region: r.Region}
	previous, err := readState(r.State, e.StateKey, e.Now())
	if err != nil {
		u.notices = append(u.notices, NoticeStateIgnored)
	}
	u.previous = previous
	u.read(v, cmp.Or(r.Region, previous.Place))
	u.readPlace(v)
	if r.Region != "" && u.place == "" && !v.covers(r.Region) {
		if name, ok := v.divisions.Name(r.Region); ok {
			u.foreign = name
		} else {
			u.foreign = "区划代码为" + string(r.Region) + "的地区"
		}
	}
	if u.region == "" {
		u.region = previous.Place
	}
	if v.parser.Lexicon.Regional() && u.place != "" {
		u.read(v, u.region) // people there have words of their own
	}
	if u.place == "" && u.foreign == "" && r.Region == "" && (u.question.Bare() <= 2 || leans(u.question.Text)) {
		u.foreign = previous.Foreign // it goes on about what was asked for there
	}
	if u.cases, u.casesSaid = u.cased(); u.casesSaid {
		u.matter = previous.Matter
		u.question.AskOnly(nlp.AspectMaterials)
		return u
	}
	codes, ok := u.picked()
	if reply := plain(u.request.Text); u.previous.Rounds > 0 && len(u.previous.Offered) > 0 {
		switch {
		case reply == replyShow:
			codes, ok = u.previous.Offered[:1], true
		case slices.Contains(noneOfThem, reply):
			u.none = true
		}
	}
	if !ok {
		return u
	}
	if !u.question.Asked && previous.Aspect != "" {
		u.inheritAspect()
	}
	if u.matter = codes[0]; len(codes) > 1 {
		u.matter, u.clarifies = "", true
		for _, code := range codes {
			u.among = append(u.among, index.Hit{Key: corpus.Key{Type: corpus.TypeGuide, ID: code}})
		}
	}
	return u
}

// read parses the question for somebody in a region.
func (u *understood) read(v *view, region corpus.RegionCode) {
	parser := v.parserIn(region)
	u.question = parser.Parse(u.request.Text)
}

// inheritAspect asks for the aspect that was asked for before.
func (u *understood) inheritAspect() {
	u.question.AskOnly(u.previous.Aspect)
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
		foreign := oneProvince(f.Codes)
		for _, code := range f.Codes {
			if v.covers(code) {
				u.place, u.region, foreign = code, code, false
			}
		}
		if foreign && u.foreign == "" && doneThere(u.question.Text, f.Start, f.Codes[0]) {
			u.foreign = u.question.Text[f.Start:f.End]
		}
	}
	if u.place != "" {
		u.foreign = ""
	}
}

// oneProvince reports whether a name stands for divisions of one province, and
// so says where: 长沙 is a city and a county of 湖南, 朝阳 could be anywhere.
func oneProvince(codes []corpus.RegionCode) bool {
	for _, c := range codes {
		if c[:2] != codes[0][:2] {
			return false
		}
	}
	return len(codes) > 0
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
	for _, here := range []string{"在这", "这里", "这边办", "本地", "异地"} {
		if strings.Contains(text, here) {
			return false
		}
	}
	before := strings.TrimRight(text[:at], " ,.:?!、")
	for _, home := range []string{"户口在", "户籍在", "身份证在", "身份证是", "户口是"} {
		if strings.HasSuffix(before, home) {
			return false
		}
	}
	return before == "" || strings.HasSuffix(before, "在") || strings.HasSuffix(before, "我是")
}

// covers reports whether the corpus has matters of the division, or of one
// that it lies in.
func (v *view) covers(code corpus.RegionCode) bool {
	return slices.ContainsFunc(v.covered, func(c corpus.RegionCode) bool {
		return c != "" && (code.Within(c) || c.Within(code))
	})
}
