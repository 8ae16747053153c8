package llm

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
)

const purposeExplain = "explain"

// leaning begin sentences that say nothing without the one before: an
// exception, a condition, what something is called.
var leaning = []string{"但", "除", "其中", "不过", "否则", "前款", "上述", "前述", "该", "此", "其", "本款", "本条", "且", "并", "同时", "否", "以上", "上款", "如", "若", "情形", "确需", "必要时", "超过", "逾期", "未"}

// pieces cuts the text of a policy into what can be said by itself: sentences,
// each with those that lean on it, and lists with what introduces them.
func pieces(text string) []ground.Fact {
	var list []ground.Fact
	hold := false // the piece before introduces the next line
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(visible(line))
		if line == "" {
			continue
		}
		for _, s := range strings.SplitAfter(line, "。") {
			s = strings.TrimSpace(s)
			if s == "" {
				continue
			}
			if n := len(list); n > 0 && (hold || leans(s)) {
				list[n-1].Value += "\n" + s
			} else {
				list = append(list, ground.Fact{ID: "p" + strconv.Itoa(n+1), Field: "passage", Value: s})
			}
			hold = strings.HasSuffix(s, "：") || strings.HasSuffix(s, ":") || hold && !strings.HasSuffix(s, "。")
		}
	}
	return list
}

func leans(s string) bool {
	for _, w := range leaning {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	r, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune("（(①②③④⑤⑥⑦⑧⑨⑩", r) // an item of a list
}

// A pieceForModel is a piece as the model sees it.
type pieceForModel struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

func forModel(evidence *ground.Evidence, list []ground.Fact) []pieceForModel {
	shown := make([]pieceForModel, len(list))
	for i, f := range list {
		shown[i] = pieceForModel{f.ID, evidence.ForModel(f.Value)}
	}
	return shown
}

// Explain implements [answer.Refiner].
func (c *Client) Explain(ctx context.Context, p answer.Passage) (answer.Wording, error) {
	said, err := c.explainPassage(ctx, p)
	if err := c.count(purposeExplain, p.Channel, err); err != nil {
		return answer.Wording{}, err
	}
	return answer.Wording{Text: strings.Join(said, ""), Mark: c.Mark()}, nil
}

func (c *Client) explainPassage(ctx context.Context, p answer.Passage) ([]string, error) {
	if !c.On(p.Channel) {
		return nil, &failure{resultOff, nil}
	}
	list := pieces(p.Text)
	evidence, err := c.readable(list)
	if err != nil {
		return nil, err
	}
	o, err := c.prompts.order(purposeExplain, c.rules.ForModel(), struct {
		Question string          `json:"question,omitempty"`
		Title    string          `json:"title"`
		Pieces   []pieceForModel `json:"pieces"`
	}{private(p.Question), visible(p.Title), forModel(evidence, list)})
	if err != nil {
		return nil, err
	}
	o.tokens, o.tenant, o.first, o.gap = c.cfg.MaxTokens, p.Tenant, c.cfg.First, c.cfg.Gap
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Answer)
	defer cancel()
	var said []string
	err = c.read(ctx, o, func(r reader) error {
		return eachSentence(r, func(s sentence) error {
			checked, err := evidence.Check(s.Text, s.Sources)
			if err == nil {
				said = append(said, spaced(checked.Text))
			}
			return err
		})
	})
	return said, err
}

// readable makes evidence of pieces that a model may see: there are some, and
// none gives it orders.
func (c *Client) readable(list []ground.Fact) (*ground.Evidence, error) {
	if len(list) == 0 {
		return nil, &failure{resultGarbage, nil}
	}
	for _, f := range list {
		if c.poisoned(f.Value) {
			return nil, &failure{resultPoisoned, nil}
		}
	}
	return c.rules.Evidence(list, nil), nil
}
