package quality

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/regress"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// A wordLine is one everyday word of the list.
type wordLine struct {
	*corpus.Word
	State   store.State // of its draft; "" if it has none
	Removed bool        // by the draft
	Live    bool        // is published
}

// Terms lists what the word stands for in one text.
func (l wordLine) Terms() string { return strings.Join(l.Official, "、") }

// KindName is what the kind is called.
func (l wordLine) KindName() string { return wordKindName(l.Kind) }

// Path is where the record's page is.
func (l wordLine) Path() string { return recordPath(l.Key()) }

func recordPath(k corpus.Key) string {
	return "/console/record?" + url.Values{"key": {k.String()}}.Encode()
}

func wordKindName(k corpus.WordKind) string {
	return map[corpus.WordKind]string{corpus.WordEveryday: "口语", corpus.WordTypo: "错字", corpus.WordDialect: "方言", corpus.WordAbbreviation: "简称"}[k]
}

type wordsPage struct {
	Done   string
	Query  string
	Lines  []wordLine
	Pager  pager
	Drafts int
	Edit   bool
	CSRF   string
	Kinds  []wordKind
	Form   corpus.Word
	Known  []known
	Asked  string // word whose built-in meanings are shown
}

type wordKind struct {
	Kind corpus.WordKind
	Name string
}

func wordKinds() (list []wordKind) {
	for _, k := range corpus.WordKinds {
		list = append(list, wordKind{k, wordKindName(k)})
	}
	return list
}

// words lists the everyday words, drafts with them.
func (q *Quality) words(_ context.Context, f *fiber.Ctx, who staff.Session) error {
	lines, err := q.wordLines()
	if err != nil {
		return err
	}
	p := wordsPage{Done: notice(f), Query: strings.TrimSpace(f.Query("q")), Edit: who.Has(editors...), CSRF: who.CSRF, Kinds: wordKinds()}
	for _, l := range lines {
		if l.State != "" {
			p.Drafts++
		}
	}
	if p.Query != "" {
		needle := nlp.Normalize(p.Query)
		lines = slices.DeleteFunc(lines, func(l wordLine) bool {
			return !strings.Contains(nlp.Normalize(l.Word.Word+"\n"+l.Terms()), needle)
		})
		p.Known = q.builtIn(p.Query)
	}
	p.Lines, p.Pager = page(f, lines)
	return q.staff.Render(f, who, http.StatusOK, "words", "日常说法", p)
}

// wordLines are the words as their editors have them, in the order of the words.
func (q *Quality) wordLines() ([]wordLine, error) {
	byID := map[string]wordLine{}
	for rec, err := range q.Store.All(q.Store.Edition(), corpus.TypeWord) {
		if err != nil {
			return nil, err
		}
		if w, ok := rec.(*corpus.Word); ok {
			byID[w.ID] = wordLine{Word: w, Live: true}
		}
	}
	drafts, err := q.wordDrafts()
	if err != nil {
		return nil, err
	}
	for _, d := range drafts {
		l := byID[d.Key.ID]
		l.State, l.Removed = d.State, d.Remove
		if w, ok := d.Record.(*corpus.Word); ok {
			l.Word = w
		}
		if l.Word != nil {
			byID[d.Key.ID] = l
		}
	}
	lines := make([]wordLine, 0, len(byID))
	for _, l := range byID {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b wordLine) int { return cmp.Or(cmp.Compare(a.Word.Word, b.Word.Word), cmp.Compare(a.ID, b.ID)) })
	return lines, nil
}

func (q *Quality) wordDrafts() ([]store.Draft, error) {
	infos, err := q.Store.Drafts()
	if err != nil {
		return nil, err
	}
	var list []store.Draft
	for _, info := range infos {
		if info.Key.Type != corpus.TypeWord {
			continue
		}
		d, err := q.Store.Draft(info.Key)
		if errors.Is(err, corpus.ErrNotFound) {
			continue // published meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

// known is what the built-in vocabulary already says of a word.
type known struct {
	Official string
	Weight   float32
}

func (q *Quality) builtIn(word string) (list []known) {
	for _, s := range q.Engine.Lexicon.Standing(word) {
		list = append(list, known{s.Official, s.Weight})
	}
	return list
}

// wordID is the id of a new word: the same word of the same place has the same.
func wordID(word string, region corpus.RegionCode) string {
	sum := sha256.Sum256([]byte(nlp.Normalize(word) + "\x00" + string(region)))
	return "w-" + hex.EncodeToString(sum[:6])
}

// addWord makes the draft of a word.
func (q *Quality) addWord(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	w, err := wordOf(f)
	if err != nil {
		return err
	}
	if err := q.saveDraft(ctx, who.Name, w, "新增日常说法"); err != nil {
		return err
	}
	return f.Redirect("/console/words/preview?"+url.Values{"done": {"已存为草稿：" + w.Word}, "id": {w.ID}}.Encode(), http.StatusSeeOther)
}

// wordOf reads the form of a word.
func wordOf(f *fiber.Ctx) (*corpus.Word, error) {
	region, err := regionOf(f)
	if err != nil {
		return nil, err
	}
	confidence, err := strconv.ParseFloat(f.FormValue("confidence", "0.8"), 64)
	if err != nil {
		return nil, unfit("把握应是大于 0、不超过 1 的数。")
	}
	w := &corpus.Word{Type: corpus.TypeWord, Word: strings.TrimSpace(f.FormValue("word")), Official: regress.Split(f.FormValue("official")),
		BothWays: f.FormValue("both") != "", Confidence: confidence, Region: corpus.Region{Code: region},
		Kind: corpus.WordKind(f.FormValue("kind", string(corpus.WordEveryday))), Note: strings.TrimSpace(f.FormValue("note"))}
	w.ID = wordID(w.Word, region)
	return w, nil
}

// saveDraft saves what a record shall be over what it is to its editors.
func (q *Quality) saveDraft(ctx context.Context, actor string, rec corpus.Record, note string) error {
	_, version, base, err := q.current(rec.Key())
	if err != nil && !errors.Is(err, corpus.ErrNotFound) {
		return err
	}
	_, err = q.Store.SaveDraft(ctx, actor, store.Edit{Record: rec, Version: version, Base: base, Note: note})
	return refused(err)
}

// current returns a record as its editors have it, with the version of its
// draft, 0 without one, and the edition that was looked at. The error is
// corpus.ErrNotFound where there is neither, or the draft removes it.
func (q *Quality) current(k corpus.Key) (rec corpus.Record, version uint64, base corpus.Edition, err error) {
	base = q.Store.Edition()
	d, err := q.Store.Draft(k)
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		rec, err = q.Store.GetAt(base, k)
		return rec, 0, base, err
	case err != nil:
		return nil, 0, base, err
	case d.Record == nil:
		return nil, d.Version, base, fmt.Errorf("%s: %w", k, corpus.ErrNotFound)
	}
	return d.Record, d.Version, base, nil
}

// How many questions of late a preview asks, unless the request says.
const (
	previewed    = 500
	maxPreviewed = 2000
)

type previewPage struct {
	Done        string
	Drafts      []wordLine
	Logged      int // questions asked
	Judged      int
	Differences []difference
	Took        time.Duration
	Limit       int
}

type difference struct {
	regress.Difference
	Ask string // address of the test bench
}

// Seconds is how long the preview took.
func (p previewPage) Seconds() string { return fmt.Sprintf("%.1f", p.Took.Seconds()) }

// previewWords shows which questions the drafts of words give another answer.
func (q *Quality) previewWords(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	start := time.Now()
	drafts, err := q.wordDrafts()
	if err != nil {
		return err
	}
	var changes []corpus.Change
	p := previewPage{Done: notice(f), Limit: previewed}
	if n, err := strconv.Atoi(f.Query("limit")); err == nil {
		p.Limit = min(max(n, 1), maxPreviewed)
	}
	for _, d := range drafts {
		changes = append(changes, corpus.Change{Key: d.Key, Record: d.Record})
		if w, ok := d.Record.(*corpus.Word); ok {
			p.Drafts = append(p.Drafts, wordLine{Word: w, State: d.State})
		} else if rec, err := q.Store.Get(d.Key); err == nil {
			if w, ok := rec.(*corpus.Word); ok {
				p.Drafts = append(p.Drafts, wordLine{Word: w, State: d.State, Removed: true})
			}
		} else if !errors.Is(err, corpus.ErrNotFound) {
			return err
		}
	}
	if len(changes) > 0 {
		questions, err := q.questions(p.Limit)
		if err != nil {
			return err
		}
		var found []regress.Difference
		err = regress.Rehearse(ctx, q.Engine, changes, func(before, after regress.Asker) (err error) {
			found, err = regress.Differences(ctx, before, after, questions)
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range found {
			p.Differences = append(p.Differences, difference{d, benchPath(d.Text, d.Region)})
		}
		for _, one := range questions {
			if one.Judged {
				p.Judged++
			} else {
				p.Logged++
			}
		}
	}
	p.Took = time.Since(start)
	return q.staff.Render(f, who, http.StatusOK, "words-preview", "日常说法：发布前预演", p)
}

// questions are the judged questions and the latest of the journal.
func (q *Quality) questions(limit int) ([]regress.Question, error) {
	if err := q.View.CatchUp(); err != nil {
		return nil, err
	}
	judged, err := q.loadJudged()
	if err != nil {
		return nil, err
	}
	var list []regress.Question
	for _, j := range judged {
		list = append(list, regress.Question{Text: j.Text, Region: j.Region, Judged: true})
	}
	for _, l := range q.View.Recent(limit) {
		list = append(list, regress.Question{Text: l.Text, Region: l.Region, Count: l.Count})
	}
	return list, nil
}

// exportWords sends the published words as lines of the import format.
func (q *Quality) exportWords(_ context.Context, f *fiber.Ctx, _ staff.Session) error {
	var buf bytes.Buffer
	for rec, err := range q.Store.All(q.Store.Edition(), corpus.TypeWord) {
		if err != nil {
			return err
		}
		line, err := corpus.Marshal(rec)
		if err != nil {
			return err
		}
		buf.Write(append(line, '\n'))
	}
	return sendFile(f, "words.jsonl", "application/x-ndjson", buf.Bytes())
}

// maxWords is how many words one file can bring.
const maxWords = 5000

type importedPage struct {
	What, Back string
	Saved      int
	Faults     []string
}

// importWords makes drafts of the words of a file.
func (q *Quality) importWords(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	name, data, err := upload(f)
	if err != nil {
		return err
	}
	p := importedPage{What: "日常说法", Back: "/console/words"}
	words := map[string]*corpus.Word{} // of two with one id the last counts
	for row := range corpus.ReadJSONL(bytes.NewReader(data)) {
		w, ok := row.Record.(*corpus.Word)
		switch {
		case row.Err != nil:
			p.Faults = append(p.Faults, fmt.Sprintf("第 %d 行：%s", row.N, row.Err))
		case !ok:
			p.Faults = append(p.Faults, fmt.Sprintf("第 %d 行：不是日常说法（type 应为 word）", row.N))
		default:
			words[w.ID] = w
		}
	}
	if len(words) > maxWords {
		return unfit("一次最多导入 %d 条日常说法，文件里有 %d 条。", maxWords, len(words))
	}
	if err := atOnce(slices.Collect(maps.Values(words)), func(w *corpus.Word) error { return q.saveDraft(ctx, who.Name, w, "导入 "+name) }); err != nil {
		return err
	}
	p.Saved = len(words)
	return q.staff.Render(f, who, http.StatusOK, "imported", "导入日常说法", p)
}
