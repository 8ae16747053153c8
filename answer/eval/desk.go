package eval

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/nlp"
)

// A DeskReport says how soon the desk's list has the right matter first when
// it hears the judged texts word by word, how often its head changes, and how
// far its bands can be relied on.
type DeskReport struct {
	Groups []DeskGroup `json:"groups"`
	Bands  []DeskBand  `json:"bands"`
}

// A DeskGroup is one kind of texts.
type DeskGroup struct {
	Name   string      `json:"name"`
	N      int         `json:"n"`
	Words  int         `json:"words"` // median of a text
	Lists  []DeskLists `json:"lists"` // by margin
	Right  float64     `json:"right"` // share whose complete text has the right matter first
	Within float64     `json:"within3"`
}

// DeskLists is what a margin makes of the lists.
type DeskLists struct {
	Margin       float64 `json:"margin"`
	First50      int     `json:"first50"`      // words until the right matter is first, median
	First90      int     `json:"first90"`      // … ninth decile
	Stays50      int     `json:"stays50"`      // words from which on it stays first
	Stays90      int     `json:"stays90"`      //
	Changes      float64 `json:"changes"`      // of the head while a text comes in, mean
	Changes90    int     `json:"changes90"`    // … ninth decile
	Moves        float64 `json:"moves"`        // items that changed places, mean
	ChangedAfter float64 `json:"changedAfter"` // share of texts whose head changed after it had been right
}

// A DeskBand is how often suggestions of a band are right.
type DeskBand struct {
	Band  desk.Band `json:"band"`
	N     int       `json:"n"`
	Right float64   `json:"right"`
}

// deskMargins are compared with the margin in use.
var deskMargins = []float64{0, desk.Margin}

// A heardText is a text with what is right about it, and the conversation
// before it.
type heardText struct {
	text     string
	relevant []string
	before   desk.Heard // its Lines, State
}

// Desk lets the desk hear every judged text word by word: stories and other
// questions as they are typed, dialogs once as calls in which each turn's
// answer is adopted, and once as transcripts in which nobody touches a key.
func Desk(ctx context.Context, dir string, e desk.Consultant, seg nlp.Segmenter) (*DeskReport, error) {
	set, err := ReadSet(dir)
	if err != nil {
		return nil, err
	}
	r := &DeskReport{}
	bands := map[desk.Band]*share{}
	var stories, others []heardText
	for _, q := range set.Questions {
		h := heardText{text: q.Text, relevant: q.Relevant}
		if q.Style == "story" {
			stories = append(stories, h)
		} else {
			others = append(others, h)
		}
		if err := countBand(ctx, e, bands, q.Text, q.Relevant); err != nil {
			return nil, err
		}
	}
	for _, q := range set.Special {
		if q.Expect != "refuse" {
			continue
		}
		if err := countBand(ctx, e, bands, q.Text, nil); err != nil {
			return nil, err
		}
	}
	adopted, heard, err := dialogTexts(ctx, set, e)
	if err != nil {
		return nil, err
	}
	for _, g := range []struct {
		name  string
		texts []heardText
	}{{"stories", stories}, {"other questions", others}, {"dialogs, each answer adopted", adopted}, {"dialogs, only heard", heard}} {
		if len(g.texts) == 0 {
			continue
		}
		group, err := hear(ctx, e, seg, g.name, g.texts)
		if err != nil {
			return nil, err
		}
		r.Groups = append(r.Groups, group)
	}
	for _, b := range desk.Bands {
		if s := bands[b]; s != nil {
			r.Bands = append(r.Bands, DeskBand{b, s.n, s.value()})
		}
	}
	return r, nil
}

// countBand asks a complete text and counts its first suggestion.
func countBand(ctx context.Context, e desk.Consultant, bands map[desk.Band]*share, text string, relevant []string) error {
	c, ok, err := follow(ctx, e, desk.Heard{Typed: text})
	if err != nil || !ok || len(c.Candidates) == 0 {
		return err
	}
	b := desk.BandOf(c.Answer.Confidence)
	if bands[b] == nil {
		bands[b] = &share{}
	}
	bands[b].count(one(slices.Contains(relevant, c.Candidates[0].Code)))
	return nil
}

func follow(ctx context.Context, e desk.Consultant, h desk.Heard) (answer.Consultation, bool, error) {
	c, ok, err := desk.Follow(ctx, e, h, desk.ListLength)
	if errors.Is(err, answer.ErrBadQuestion) {
		return c, false, nil
	}
	return c, ok, err
}

// dialogTexts makes of each turn of a dialog what the desk knows when it
// begins: with every answer adopted, and with nothing but the lines before.
func dialogTexts(ctx context.Context, set Set, e desk.Consultant) (adopted, heard []heardText, err error) {
	for _, d := range set.Dialogs {
		state := ""
		var lines []string
		for _, t := range d.Turns {
			adopted = append(adopted, heardText{t.Text, t.Relevant, desk.Heard{State: state}})
			if t.Pick == 0 { // a caller who cannot see a list does not pick from it by number
				heard = append(heard, heardText{t.Text, t.Relevant, desk.Heard{Lines: slices.Clone(lines)}})
			}
			lines = append(lines, t.Text)
			c, ok, err := follow(ctx, e, desk.Heard{Typed: t.Text, State: state})
			if err != nil {
				return nil, nil, err
			}
			if ok {
				state = c.Answer.State
			}
		}
	}
	return adopted, heard, nil
}

// heardSoFar is what the desk has heard when the text is there up to prefix.
func (h *heardText) heardSoFar(prefix string) desk.Heard {
	now := h.before
	if h.before.Lines != nil {
		now.Lines = append(slices.Clone(h.before.Lines), prefix)
	} else {
		now.Typed = prefix
	}
	return now
}

// A watched is what one margin shows of one text.
type watched struct {
	shown          []string
	first, stays   int
	changes, moves int
	lostItsWay     bool
}

func hear(ctx context.Context, e desk.Consultant, seg nlp.Segmenter, name string, texts []heardText) (DeskGroup, error) {
	g := DeskGroup{Name: name, N: len(texts)}
	lengths := make([]int, len(texts))
	lists := make([][]watched, len(texts))
	errs := make([]error, len(texts))
	var workers sync.WaitGroup
	step := runtime.GOMAXPROCS(0)
	for w := range step {
		workers.Go(func() {
			for i := w; i < len(texts); i += step {
				prefixes := wordByWord(seg, texts[i].text)
				lengths[i] = len(prefixes)
				lists[i], errs[i] = listen(ctx, e, &texts[i], prefixes)
			}
		})
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return g, err
	}
	all := make([][]watched, len(deskMargins))
	for i, list := range lists {
		for m := range list {
			all[m] = append(all[m], list[m])
		}
		last := &list[len(list)-1]
		g.Right += one(last.stays > 0)
		g.Within += one(slices.ContainsFunc(last.shown[:min(3, len(last.shown))], func(code string) bool { return slices.Contains(texts[i].relevant, code) }))
	}
	g.Words, _ = deciles(lengths)
	g.Right, g.Within = round4(g.Right/float64(g.N)), round4(g.Within/float64(g.N))
	for m, list := range all {
		g.Lists = append(g.Lists, listsOf(deskMargins[m], list))
	}
	return g, nil
}

// listen hears one text to its end, at every margin.
func listen(ctx context.Context, e desk.Consultant, h *heardText, prefixes []string) ([]watched, error) {
	list := make([]watched, len(deskMargins))
	for n, prefix := range prefixes {
		c, ok, err := follow(ctx, e, h.heardSoFar(prefix))
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		for m := range list {
			list[m].see(c, n+1, n+1 == len(prefixes), h.relevant, deskMargins[m])
		}
	}
	return list, nil
}

// see takes down one list.
func (w *watched) see(c answer.Consultation, words int, complete bool, relevant []string, margin float64) {
	list := desk.Arrange(w.shown, c.Candidates, "", complete, margin)
	var shown []string
	for _, item := range list {
		shown = append(shown, item.Code)
	}
	if len(w.shown) > 0 && len(shown) > 0 && w.shown[0] != shown[0] {
		w.changes++
	}
	for i, code := range w.shown {
		if i < len(shown) && shown[i] != code {
			w.moves++
		}
	}
	right := len(shown) > 0 && slices.Contains(relevant, shown[0])
	switch {
	case right && w.first == 0:
		w.first, w.stays = words, words
	case right && w.stays == 0:
		w.stays = words
	case !right:
		w.lostItsWay = w.lostItsWay || w.first > 0
		w.stays = 0
	}
	w.shown = shown
}

func listsOf(margin float64, list []watched) DeskLists {
	l := DeskLists{Margin: margin}
	var first, stays, changes []int
	for _, w := range list {
		if w.first > 0 {
			first = append(first, w.first)
		}
		if w.stays > 0 {
			stays = append(stays, w.stays)
		}
		changes = append(changes, w.changes)
		l.Changes += float64(w.changes)
		l.Moves += float64(w.moves)
		l.ChangedAfter += one(w.lostItsWay)
	}
	n := float64(len(list))
	l.First50, l.First90 = deciles(first)
	l.Stays50, l.Stays90 = deciles(stays)
	_, l.Changes90 = deciles(changes)
	l.Changes, l.Moves, l.ChangedAfter = round4(l.Changes/n), round4(l.Moves/n), round4(l.ChangedAfter/n)
	return l
}

// deciles returns the median and the ninth decile.
func deciles(list []int) (median, ninth int) {
	if len(list) == 0 {
		return 0, 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2], list[min(len(list)-1, len(list)*9/10)]
}

// wordByWord returns the beginnings of a text, a word longer each time. Signs
// belong to the word before them.
func wordByWord(seg nlp.Segmenter, text string) []string {
	longest := map[int]int{} // start of a word -> its end
	seg.Words(text, func(start, end int) { longest[start] = max(longest[start], end) })
	var list []string
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRuneInString(text[at:])
		end := max(longest[at], at+size)
		if sign := unicode.IsPunct(r) || unicode.IsSpace(r); sign && len(list) > 0 {
			list[len(list)-1] = text[:end]
		} else if !sign {
			list = append(list, text[:end])
		}
		at = end
	}
	return list
}

// String lists the figures.
func (r *DeskReport) String() string { return r.Table() }

// Table is the report as Markdown.
func (r *DeskReport) Table() string {
	names := map[string]string{"stories": "讲经过的来电", "other questions": "其他问题", "dialogs, each answer adopted": "对话，每句采用了答复", "dialogs, only heard": "对话，只听不按键"}
	var b strings.Builder
	b.WriteString("| 评判题 | 句数 | 每句词数 | 阈值 | 对的事项排第一：词数中位、九成 | 从此不变：词数中位、九成 | 首位变动次数：平均、九成 | 说完时第一、前三 |\n|---|---:|---:|---:|---:|---:|---:|---:|\n")
	for _, g := range r.Groups {
		for _, l := range g.Lists {
			fmt.Fprintf(&b, "| %s | %d | %d | %g | %d、%d | %d、%d | %.2f、%d | %.1f%%、%.1f%% |\n", names[g.Name], g.N, g.Words, l.Margin,
				l.First50, l.First90, l.Stays50, l.Stays90, l.Changes, l.Changes90, 100*g.Right, 100*g.Within)
		}
	}
	b.WriteString("\n| 把握 | 题数 | 第一个就对的 |\n|---|---:|---:|\n")
	for _, band := range r.Bands {
		fmt.Fprintf(&b, "| %s | %d | %.1f%% |\n", band.Band.Label(), band.N, 100*band.Right)
	}
	return b.String()
}
