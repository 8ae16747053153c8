package answer

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/index"
	"github.com/govqa/govqa/nlp"
)

// ordinal is how people pick from a list: 第二个, 就选第2项吧, 说错了,是最后一个.
var ordinal = regexp.MustCompile(`^(?:说错了|不对|错了)?[那就我要选是办看问的请好嗯点 ,]*(?:第)?(最后一|[一二两三四五六七八九十]|\d{1,2})(?:个|项|号|条|种|件|那个)?[吧的呢了啊呀就好行 ,。.!]*$`)

var numerals = map[string]int{"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}

// picked reports which of the matters offered the text picks: by the place in
// the list, by a matter's code as a button sends it, or by the words of an
// option. Several codes are those that an option leaves.
func (u *understood) picked() ([]string, bool) {
	p := &u.previous
	codes := slices.Clone(p.Offered)
	list := p.Picks
	if len(list) == 0 {
		for _, code := range p.Offered {
			list = append(list, pick{Codes: []string{code}})
		}
	}
	said := plain(u.request.Text)
	for _, o := range list {
		codes = append(codes, o.Codes...)
		if len(o.Codes) > 0 && slices.ContainsFunc(o.Texts, func(text string) bool { return plain(text) == said }) {
			return o.Codes, true
		}
	}
	if slices.Contains(codes, u.request.Text) {
		return []string{u.request.Text}, true
	}
	m := ordinal.FindStringSubmatch(nlp.Normalize(u.request.Text))
	if m == nil {
		return nil, false
	}
	n := numerals[m[1]]
	switch {
	case m[1] == "最后一":
		n = len(list)
	case n == 0:
		n, _ = strconv.Atoi(m[1]) // the expression has let only digits through
	}
	if n < 1 || n > len(list) || len(list[n-1].Codes) == 0 {
		return nil, false
	}
	return list[n-1].Codes, true
}

// What a citizen can say to a question that is asked back, beside an option.
const (
	replyNone = "都不是"
	replyShow = "直接看结果"
)

var noneOfThem = []string{replyNone, "都不对", "以上都不是", "没有我要的", "都没有"}

// plain is a text as it is compared with an option.
func plain(text string) string { return strings.Trim(nlp.Normalize(text), " ,。.!?") }

// The weights of the words of the matter talked about, in a question that
// goes on with it: less where it says something of its own, more where it says
// only a situation.
const (
	contextWeight   = .5
	situationWeight = 1
)

// A question is taken for one about the matter talked about by how many
// characters it says of its own, and by how sure a search for it alone is.
const (
	hardlyAny = 1  // as good as nothing of its own
	few       = 6  // with an aspect, unless it names another matter
	some      = 14 // when it leans on what was said
	unsure    = .3
	sureAlone = .6
	verySure  = .85
)

// find searches for what the question means in its conversation, and for what
// the filter hides of it.
func (e *Engine) find(ctx context.Context, v *view, u *understood) (found, error) {
	f, err := e.findHere(ctx, v, u)
	if err != nil || u.matter != "" || u.none || u.foreign != "" || len(u.among) > 0 || u.region == "" && u.request.Audience == "" {
		return f, err
	}
	if len(f.guides) > 0 && f.guides[0].Named >= hiddenNamed && f.guides[0].Asked >= .95 {
		return f, nil
	}
	f.elsewhere, err = e.hidden(ctx, u, f.more)
	return f, err
}

// hidden returns the guide that is surely meant and that the filter has left
// out, or nil.
func (e *Engine) hidden(ctx context.Context, u *understood, shown []index.Hit) (*index.Hit, error) {
	all, err := e.Index.Search(ctx, index.Query{Question: &u.question, Filter: index.Filter{On: e.Now()}, Limit: weighed})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	ev := weigh(&u.question, all)
	first := &all[0]
	kept := slices.IndexFunc(all, func(h index.Hit) bool {
		return slices.ContainsFunc(shown, func(s index.Hit) bool { return s.Key == h.Key })
	})
	if first.Named < hiddenNamed || confidence(&ev, all) < sureAlone || kept >= 0 && first.Score-all[kept].Score < offeredLead {
		return nil, nil
	}
	return first, nil
}

// hiddenNamed is how much of the name of a guide of elsewhere must be said.
const hiddenNamed = .8

// findHere searches for what the question means in its conversation: by
// itself, as another aspect or situation of the matter talked about, or as a
// reply to what was asked back.
func (e *Engine) findHere(ctx context.Context, v *view, u *understood) (found, error) {
	if u.matter != "" || u.none || len(u.among) > 0 {
		return found{}, nil
	}
	alone, err := e.search(ctx, u, &u.question)
	if err != nil || u.previous.Matter == "" && u.previous.Base == "" {
		return alone, err
	}
	if u.previous.Matter == "" {
		return e.clarified(ctx, v, u) // it says what the question before was about
	}
	ev := weigh(&u.question, alone.guides)
	sure := confidence(&ev, alone.guides)
	bare := u.question.Bare() - u.placeLength(v)
	aspect := u.question.Asked || u.place != "" && bare <= hardlyAny
	names := bare > hardlyAny && len(alone.guides) > 0 && alone.guides[0].Named >= .5 && sure >= sureAlone // another matter by name
	same := u.question.Situations == 0 && aspect && (bare <= hardlyAny || bare <= few && sure < sureAlone)
	if u.previous.Rounds > 0 && !same && !(names && sure >= verySure && !slices.Contains(u.previous.Offered, alone.guides[0].Key.ID)) {
		return e.clarified(ctx, v, u)
	}
	leaning := leans(u.question.Text)
	switch {
	case same:
		u.stay()
		return found{}, nil
	case names && sure >= verySure && !leaning:
		return alone, nil
	case bare <= hardlyAny && u.question.Situations != 0:
		return e.goOn(ctx, v, u, alone, situationWeight)
	case leaning && bare <= some || bare <= 4 && strings.HasSuffix(strings.TrimRight(u.question.Text, "?"), "呢") || sure < unsure && bare <= some:
		return e.goOn(ctx, v, u, alone, contextWeight)
	}
	return alone, nil
}

// stay makes the question one about the matter talked about.
func (u *understood) stay() {
	u.matter = u.previous.Matter
	if !u.question.Asked {
		u.inheritAspect()
	}
}

// goOn searches with the words of the matter talked about. Where that finds
// nothing, what was found without them stands.
func (e *Engine) goOn(ctx context.Context, v *view, u *understood, alone found, weight float32) (found, error) {
	g, err := e.guide(v, u.previous.Matter)
	if errors.Is(err, corpus.ErrNotFound) {
		return alone, nil // the matter is gone
	}
	if err != nil {
		return found{}, err
	}
	asked, own, parser := u.question.Asked, strings.Fields(u.question.Core()), v.parserIn(u.region)
	q := parser.ParseFollowUp(u.request.Text, g.Name, weight)
	q.Ask(&u.question)
	f, err := e.search(ctx, u, &q)
	if err != nil || len(f.guides) == 0 {
		return alone, err
	}
	if ev := weigh(&q, f.guides); asked && u.question.Situations == 0 && confidence(&ev, f.guides) < sureAlone && u.question.Bare() <= some {
		u.stay() // an aspect in words of its own: 外省户口的能办吗
		return found{}, nil
	}
	u.question = q
	f.leadWith(own, g.Name)
	f.faqs, f.bundles = nil, nil // they answer questions that stand by themselves
	if f.guides[0].Key.ID == u.previous.Matter && !asked && u.previous.Aspect != "" && q.Situations == 0 {
		u.inheritAspect()
	}
	return f, nil
}

// leadWith puts the first hit whose name has words of the asker's own, which
// the matter talked about has not, before those that have none: 那知青呢 is
// about the matter for 知青, however well the one before fits all else.
func (f *found) leadWith(own []string, talked string) {
	says := func(h index.Hit) bool {
		return slices.ContainsFunc(own, func(word string) bool {
			return utf8.RuneCountInString(word) > 1 && !strings.Contains(talked, word) && strings.Contains(h.Title, word)
		})
	}
	if i := slices.IndexFunc(f.guides, says); i > 0 && f.guides[0].Score-f.guides[i].Score < ownLead {
		h := f.guides[i]
		f.more = slices.Insert(slices.Delete(slices.Clone(f.more), i, i+1), 0, h)
		f.guides = f.more[:len(f.guides)]
	}
}

// ownLead is how much better a matter must be that has no word of the asker's
// own.
const ownLead = 4

// clarified searches for what was asked together with the reply to what was
// asked back, among what was offered first.
func (e *Engine) clarified(ctx context.Context, v *view, u *understood) (found, error) {
	u.clarifies = true
	reply, parser := u.question, v.parserIn(u.region)
	u.question = parser.Parse(u.said())
	if reply.Asked {
		u.question.Ask(&reply)
	}
	f, err := e.search(ctx, u, &u.question)
	if err != nil || len(f.guides) == 0 {
		return f, err
	}
	// What was offered goes before what was not and is little better.
	for i, h := range f.guides {
		if slices.Contains(u.previous.Offered, h.Key.ID) {
			if f.guides[0].Score-h.Score < offeredLead {
				f.guides = slices.Insert(slices.Delete(slices.Clone(f.guides), i, i+1), 0, h)
			}
			break
		}
	}
	return f, nil
}

// offeredLead is how much better a matter must be that was not offered.
const offeredLead = 2

// placeLength is how many characters of the content name the place.
func (u *understood) placeLength(v *view) int {
	if u.place == "" && u.foreign == "" {
		return 0
	}
	n := 0
	for _, f := range v.divisions.Find(u.question.Text) {
		n += len([]rune(u.question.Text[f.Start:f.End]))
	}
	return n
}

// leaningWords begin a question that leans on the one before.
var leaningWords = []string{"那", "如果", "要是", "换成", "换", "假如", "万一", "不是", "还有", "以后", "另外", "它", "这个", "说错", "不对", "错了",
	"他", "她", "我", "只是", "以前", "已经", "对", "嗯", "上面", "刚才"}

func leans(text string) bool {
	trimmed := strings.TrimRight(text, " ?。!")
	for _, w := range leaningWords {
		if strings.HasPrefix(trimmed, w) {
			return w != "我" && w != "他" && w != "她" || strings.HasSuffix(trimmed, "呢")
		}
	}
	return strings.HasSuffix(trimmed, "的呢") || strings.HasSuffix(trimmed, "的话呢")
}
