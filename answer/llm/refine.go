package llm

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
	"github.com/govqa/govqa/nlp"
)

// What the model is used for, as figures name it.
const (
	purposeRefine  = "refine"
	purposeRestate = "restate"
)

// A factForModel is a fact as the model sees it.
type factForModel struct {
	ID    string   `json:"id"`
	List  string   `json:"list,omitempty"` // the list that it is an item of
	Label string   `json:"label,omitempty"`
	Value string   `json:"value"`
	Ways  []string `json:"ways"` // of saying it
}

// Refine implements [answer.Refiner].
func (c *Client) Refine(ctx context.Context, d answer.Draft, show func(string)) (answer.Wording, error) {
	said, cached, err := c.refine(ctx, d, show)
	if cached {
		c.tally(purposeRefine, d.Channel, resultCached)
	} else if err := c.count(purposeRefine, d.Channel, err); err != nil {
		return answer.Wording{}, err
	}
	return answer.Wording{Text: strings.Join(said, ""), Mark: c.Mark()}, nil
}

func (c *Client) refine(ctx context.Context, d answer.Draft, show func(string)) (said []string, cached bool, err error) {
	if !c.On(d.Channel) {
		return nil, false, &failure{resultOff, nil}
	}
	facts := factsOf(d.Answer)
	for _, f := range facts {
		if c.poisoned(f.Value) {
			return nil, false, &failure{resultPoisoned, nil}
		}
	}
	evidence := c.rules.Evidence(facts, d.Names)
	o, err := c.refineOrder(evidence, facts, d)
	if err != nil {
		return nil, false, err
	}
	key := c.key(d, o)
	if said, ok := c.cache.Get(key); ok {
		for _, s := range said {
			show(s)
		}
		return said, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Answer)
	defer cancel()
	said, err = c.sentences(ctx, o, evidence, due(d.Answer, facts), func() bool { return c.On(d.Channel) }, show)
	if err != nil {
		return nil, false, err
	}
	if nlp.Normalize(strings.Join(said, "")) == nlp.Normalize(d.Answer.Text) {
		return nil, false, &failure{resultSame, nil}
	}
	c.cache.Add(key, said)
	return said, false, nil
}

// beside are fields that may be left out where others answer; the card has them.
var beside = []string{"process", "channel", "legalLimit", ground.FieldText}

// due are the facts that a rewording must say: all that were asked for, or, of
// somebody who asked for nothing in particular, the first.
func due(a *answer.Answer, facts []ground.Fact) []string {
	var must []string
	for i, f := range facts {
		all := a.Aspect != nlp.AspectOverview && a.Aspect != nlp.AspectProcedure
		if i == 0 || all && !slices.Contains(beside, f.Field) {
			must = append(must, f.ID)
		}
	}
	return must
}

// sentences asks for sentences and checks each as it comes. Each that passes
// is shown; the first that does not ends it.
func (c *Client) sentences(ctx context.Context, o order, evidence *ground.Evidence, must []string, on func() bool, show func(string)) ([]string, error) {
	var said, facts []string
	err := c.read(ctx, o, func(r reader) error {
		return eachSentence(r, func(s sentence) error {
			checked, err := evidence.Check(s.Text, s.Sources)
			if err != nil {
				return err
			}
			if !on() {
				return &failure{resultOff, nil} // switched off meanwhile
			}
			text := spaced(checked.Text)
			said, facts = append(said, text), append(facts, checked.Facts...)
			show(text)
			return nil
		})
	})
	if err == nil {
		err = evidence.Whole(facts, must...)
	}
	return said, err
}

// spaced ends a sentence so that the next one can follow.
func spaced(s string) string {
	if s != "" && !strings.ContainsAny(s[len(s)-len(lastRune(s)):], "。！；：:\n") {
		return s + "。"
	}
	return s
}

func lastRune(s string) string {
	r := []rune(s)
	return string(r[len(r)-1:])
}

// read calls the model while parse reads what it says. An error of parse goes
// before one of the call, which it has cut short.
func (c *Client) read(ctx context.Context, o order, parse func(reader) error) error {
	r, w := io.Pipe()
	parsed := make(chan error, 1)
	go func() {
		err := parse(r)
		r.CloseWithError(cmp.Or(err, io.ErrClosedPipe))
		parsed <- err
	}()
	err := c.ask(ctx, o, w)
	w.CloseWithError(cmp.Or(err, io.EOF))
	if bad := <-parsed; bad != nil {
		var fault *ground.FaultError
		if err == nil || errors.Is(err, errReader) || errors.As(bad, &fault) {
			return bad
		}
	} else if errors.Is(err, errReader) {
		return nil // said more than was read, which nobody sees
	}
	return err
}

// A reader reads what the model says.
type reader = io.Reader

// A sentence is one sentence of the model's reply.
type sentence struct {
	Text    string   `json:"text"`
	Sources []string `json:"sources"`
}

// maxSentences is how many sentences of one reply are read.
const maxSentences = 60

// eachSentence reads {"sentences":[…]} and calls take with each as soon as it
// has come whole. Other keys are not let through.
func eachSentence(r reader, take func(sentence) error) error {
	dec := json.NewDecoder(r)
	for _, want := range []json.Token{json.Delim('{'), "sentences", json.Delim('[')} {
		if t, err := dec.Token(); err != nil || t != want {
			return &failure{resultGarbage, err}
		}
	}
	n := 0
	for ; dec.More(); n++ {
		var s sentence
		if err := dec.Decode(&s); err != nil || n == maxSentences {
			return &failure{resultGarbage, err}
		}
		if err := take(s); err != nil {
			return err
		}
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if t, err := dec.Token(); err != nil || t != want {
			return &failure{resultGarbage, err}
		}
	}
	if n == 0 {
		return &failure{resultGarbage, nil}
	}
	return nil
}

// factsOf numbers what an answer rests on: its facts, and the lines of its own
// text that say more than these.
func factsOf(a *answer.Answer) []ground.Fact {
	var list []ground.Fact
	add := func(field, label, value string) {
		list = append(list, ground.Fact{ID: "f" + strconv.Itoa(len(list)+1), Field: field, Label: label, Value: value})
	}
	var known strings.Builder
	for _, f := range a.Facts {
		add(f.Field, f.Label, f.Value)
		known.WriteString(f.Label + "：" + f.Value + "\n")
	}
	for line := range strings.SplitSeq(a.Text, "\n") {
		bare := strings.TrimLeft(line, "0123456789. ")
		if bare == "" || strings.HasSuffix(bare, "：") || strings.Contains(known.String(), bare) || strings.HasPrefix(line, "「") && strings.HasSuffix(strings.TrimRight(line, "：:"), "」") {
			continue
		}
		add(ground.FieldText, "", line)
	}
	return list
}

func (c *Client) refineOrder(evidence *ground.Evidence, facts []ground.Fact, d answer.Draft) (order, error) {
	shown := make([]factForModel, len(facts))
	for i, f := range facts {
		shown[i] = factForModel{ID: f.ID, List: ground.List(f), Label: f.Label, Value: visible(evidence.ForModel(f.Value)), Ways: c.rules.Ways(f)}
	}
	matter := ""
	if len(d.Answer.Matters) > 0 {
		matter = d.Answer.Matters[0].Name
	}
	o, err := c.prompts.order(purposeRefine, c.rules.ForModel(), struct {
		Question string         `json:"question"`
		Matter   string         `json:"matter,omitempty"`
		Facts    []factForModel `json:"facts"`
	}{private(d.Question), visible(matter), shown})
	o.tokens, o.tenant, o.first, o.gap = c.cfg.MaxTokens, d.Tenant, c.cfg.First, c.cfg.Gap
	return o, err
}

// key is that under which a wording is kept: whatever it depends on. A new
// edition asks anew.
func (c *Client) key(d answer.Draft, o order) string {
	sum := sha256.New()
	for _, s := range []string{c.cfg.Model, c.prompts.version, strconv.FormatUint(uint64(d.Answer.Edition), 10), o.system, o.user, d.Answer.Text,
		strings.Join(d.Names, "\n")} {
		sum.Write([]byte(s))
		sum.Write([]byte{0})
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// poisoned reports whether a record's text gives orders to a model. Citizens see
// it in the plain answer as it is published, but no model does.
func (c *Client) poisoned(text string) bool {
	f, ok := c.cfg.Guard.Check(text)
	return ok && f.Class == "injection"
}

// Restate implements [answer.Refiner].
func (c *Client) Restate(ctx context.Context, f answer.FollowUp) (string, error) {
	question, err := c.restate(ctx, f)
	return question, c.count(purposeRestate, f.Channel, err)
}

func (c *Client) restate(ctx context.Context, f answer.FollowUp) (string, error) {
	if !c.On(f.Channel) {
		return "", &failure{resultOff, nil}
	}
	o, err := c.prompts.order(purposeRestate, nil, struct {
		Matter   string `json:"matter"`
		Question string `json:"question"`
	}{visible(f.Matter), private(f.Question)})
	if err != nil {
		return "", err
	}
	const enough = 120 // tokens of a question
	o.tokens, o.tenant, o.first, o.gap = enough, f.Tenant, c.cfg.Restate, c.cfg.Restate
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Restate)
	defer cancel()
	var reply struct {
		Question string `json:"question"`
	}
	err = c.read(ctx, o, func(r reader) error { return whole(r, &reply) })
	return reply.Question, err
}

// whole reads one JSON object and nothing else.
func whole(r reader, v any) error {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return &failure{resultGarbage, err}
	}
	if rest, err := io.ReadAll(dec.Buffered()); err != nil || strings.TrimSpace(string(rest)) != "" {
		return &failure{resultGarbage, err}
	}
	return nil
}
