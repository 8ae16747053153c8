// Package regress keeps answers from getting worse: questions that staff have
// judged are asked of what is published and of what is about to be, by the
// code that answers citizens, and the figures are compared.
package regress

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// A Judged (评判题) is a question with what its answer must be. What is empty
// is not judged.
type Judged struct {
	ID       string            `json:"id"`
	Text     string            `json:"text"`
	Region   corpus.RegionCode `json:"region,omitempty"`
	Audience corpus.Audience   `json:"audience,omitempty"`
	Matters  []string          `json:"matters,omitempty"` // codes of which one must come first
	FAQ      string            `json:"faq,omitempty"`     // id of the FAQ that must be quoted
	Aspect   nlp.Aspect        `json:"aspect,omitempty"`
	Outcome  answer.Outcome    `json:"outcome,omitempty"`
	Says     []string          `json:"says,omitempty"` // what the text must have, word for word
	Note     string            `json:"note,omitempty"`
	By       string            `json:"by,omitempty"`
	Time     time.Time         `json:"time,omitzero"`
}

// DocKind is the kind of document that a [Judged] is kept as, under its id.
const DocKind = "judged"

// MaxJudged is how many judged questions there can be: so many are asked
// before every publication.
const MaxJudged = 2000

// Faults lists what is wrong with a judged question, in Chinese.
func (j *Judged) Faults() []string {
	var faults []string
	add := func(wrong bool, why string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Sprintf(why, args...))
		}
	}
	n := utf8.RuneCountInString(strings.TrimSpace(j.Text))
	add(n < 1 || n > answer.MaxText, "问题应有 1 到 %d 个字，现在有 %d 个字", answer.MaxText, n)
	add(j.Region != "" && !j.Region.Valid(), "区划代码 %q 无效，应为 6、9 或 12 位数字", j.Region)
	add(j.Audience != "" && !slices.Contains(corpus.Audiences, j.Audience), "服务对象 %q 不认识", j.Audience)
	add(j.Aspect != "" && !slices.Contains(nlp.Aspects, j.Aspect), "要素 %q 不认识", j.Aspect)
	add(j.Outcome != "" && !slices.Contains(answer.Outcomes, j.Outcome), "结果 %q 不认识", j.Outcome)
	add(len(j.Matters)+len(j.Says) == 0 && j.FAQ == "" && j.Aspect == "" && j.Outcome == "", "没有写应当怎样回答：事项、常见问题、要素、结果、须含的文字至少写一项")
	add(len(j.Matters) > 20, "事项最多 20 个")
	add(len(j.Says) > 20, "须含的文字最多 20 条")
	for _, list := range [][]string{j.Matters, j.Says, {j.FAQ, j.Note}} {
		for _, s := range list {
			add(utf8.RuneCountInString(s) > 400, "“%.20s…”太长，最多 400 字", s)
		}
	}
	return faults
}

// Settle cleans what people type and gives a question without an id one that
// follows from its text and region, so that what is imported twice is kept
// once.
func (j *Judged) Settle() {
	j.Text = strings.TrimSpace(j.Text)
	j.Matters, j.Says = listed(j.Matters), listed(j.Says)
	if j.ID = strings.TrimSpace(j.ID); j.ID == "" {
		sum := sha256.Sum256([]byte(nlp.Normalize(j.Text) + "\x00" + string(j.Region) + "\x00" + string(j.Audience)))
		j.ID = "q-" + hex.EncodeToString(sum[:6])
	}
}

func listed(list []string) (clean []string) {
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(clean, s) {
			clean = append(clean, s)
		}
	}
	return clean
}

// ErrFile means that a file of judged questions cannot be read at all.
var ErrFile = errors.New("评判题文件无法读取")

// A Row is one judged question of a file, or what is wrong with it.
type Row struct {
	N      int // line of the file, from 1
	Judged Judged
	Faults []string
}

// maxFile is how many bytes of a file of judged questions are read.
const maxFile = 8 << 20

// Read reads judged questions from a file: JSON Lines with the keys of
// [Judged], or CSV in UTF-8 with the columns of CSVHeader. What the file's
// name ends with decides.
func Read(name string, r io.Reader) ([]Row, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w：%w", ErrFile, err)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > maxFile:
		return nil, fmt.Errorf("%w：超过 %d MiB", ErrFile, maxFile>>20)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("%w：应为 UTF-8 编码", ErrFile)
	}
	var rows []Row
	switch strings.ToLower(path.Ext(name)) {
	case ".jsonl", ".json", ".ndjson":
		rows, err = readLines(data)
	case ".csv":
		rows, err = readCSV(data)
	default:
		err = fmt.Errorf("%w：文件名应以 .jsonl 或 .csv 结尾", ErrFile)
	}
	if err == nil && len(rows) > MaxJudged {
		err = fmt.Errorf("%w：最多 %d 题，文件有 %d 题", ErrFile, MaxJudged, len(rows))
	}
	for i := range rows {
		if len(rows[i].Faults) == 0 {
			rows[i].Judged.Settle()
			rows[i].Faults = rows[i].Judged.Faults()
		}
	}
	return rows, err
}

func readLines(data []byte) ([]Row, error) {
	var rows []Row
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxFile)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		row := Row{N: n}
		if err := json.Unmarshal(line, &row.Judged); err != nil {
			row.Faults = []string{"不是评判题的 JSON：" + err.Error()}
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%w：%w", ErrFile, err)
	}
	return rows, nil
}

// CSVHeader are the columns of a CSV file; only the first must be there. Of
// what has several, one stands on each line of the cell or behind a ；.
var CSVHeader = []string{"问题", "地区", "对象", "事项", "常见问题", "要素", "结果", "须含", "说明", "编号"}

func readCSV(data []byte) ([]Row, error) {
	cr := csv.NewReader(bytes.NewReader(data))
	cr.FieldsPerRecord = -1
	header, err := cr.Read()
	if err != nil {
		return nil, fmt.Errorf("%w：%w", ErrFile, err)
	}
	at := map[string]int{}
	for i, name := range header {
		at[strings.TrimSpace(name)] = i
	}
	if _, ok := at[CSVHeader[0]]; !ok {
		return nil, fmt.Errorf("%w：首行没有“%s”一列", ErrFile, CSVHeader[0])
	}
	var rows []Row
	for {
		cells, err := cr.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, fmt.Errorf("%w：%w", ErrFile, err)
		}
		n, _ := cr.FieldPos(0)
		cell := func(name string) string {
			if i, ok := at[name]; ok && i < len(cells) {
				return strings.TrimSpace(cells[i])
			}
			return ""
		}
		if strings.TrimSpace(strings.Join(cells, "")) == "" {
			continue
		}
		rows = append(rows, Row{N: n, Judged: Judged{ID: cell("编号"), Text: cell("问题"), Region: corpus.RegionCode(cell("地区")),
			Audience: corpus.Audience(cell("对象")), Matters: Split(cell("事项")), FAQ: cell("常见问题"), Aspect: AspectOf(cell("要素")),
			Outcome: OutcomeOf(cell("结果")), Says: Split(cell("须含")), Note: cell("说明")}})
	}
}

// Split cuts a text at line breaks and at ；.
func Split(text string) []string {
	return listed(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == '；' || r == ';' }))
}

// AspectOf returns the aspect of a name, in Chinese or as in the API.
func AspectOf(name string) nlp.Aspect {
	for _, a := range nlp.Aspects {
		if answer.AspectLabel(a) == name {
			return a
		}
	}
	return nlp.Aspect(name)
}

// outcomeNames are what outcomes are called.
var outcomeNames = map[answer.Outcome]string{answer.Answered: "已回答", answer.Choose: "列出来选", answer.Clarify: "反问", answer.NotFound: "没有找到",
	answer.Refused: "不回答", answer.Handoff: "转人工", answer.Emergency: "紧急", answer.Smalltalk: "寒暄"}

// OutcomeName names an outcome in Chinese.
func OutcomeName(o answer.Outcome) string { return outcomeNames[o] }

// OutcomeOf returns the outcome of a name, in Chinese or as in the API.
func OutcomeOf(name string) answer.Outcome {
	for _, o := range answer.Outcomes {
		if outcomeNames[o] == name {
			return o
		}
	}
	return answer.Outcome(name)
}
