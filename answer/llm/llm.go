// Package llm speaks to models behind OpenAI-compatible endpoints, one's own
// first (vLLM, Ollama, Xinference …), because government data stays at home. A
// language model puts answers into plainer words, makes questions of follow-ups,
// explains passages of policies, and drafts for editors; other models turn texts
// into vectors and judge hits. Everything here is optional.
//
// It promises that a model changes words and never facts: what a model has
// written is given to nobody before package ground has read it as whole published
// facts. Without a model, with a model that is off, slow, dead, lying or mad,
// the caller gets an error and keeps the plain answer. What a model gets to see
// holds no personal data and nothing that is not published.
package llm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/sashabaranov/go-openai"
	"github.com/sony/gobreaker/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
	"github.com/govqa/govqa/answer/guard"
)

// Config says which model to ask and how much of it. URL and Model are
// required; a zero of the rest means the default.
type Config struct {
	URL      string // of the server, with /v1 where it has one
	Model    string // name of the model, as the server knows it
	Key      string // bearer key; "" sends none
	Title    string // of the model, as shown to citizens; "" is Model
	Filing   string // 备案号 of the model, shown to citizens
	Producer string // who runs this service, for the mark

	Answer  time.Duration // the longest that one answer may take; 0 means 8 s
	First   time.Duration // … until the first piece comes; 0 means 2 s
	Gap     time.Duration // … between two pieces; 0 means 900 ms
	Restate time.Duration // … for a follow-up; 0 means 1 s

	MaxTokens    int     // that one answer may write; 0 means 1,000
	AnswerYuan   float64 // that one answer may cost; 0 means no limit
	HourTokens   int     // of all calls in one hour; 0 means no limit
	HourYuan     float64 // … cost; 0 means no limit
	TenantTokens int     // of one tenant's calls in one hour; 0 means no limit
	PriceIn      float64 // yuan for a million tokens read
	PriceOut     float64 // … written
	Calls        int     // at once; 0 means 8. Further ones do not wait
	Cache        int     // wordings kept; 0 means 2,000
	Format       Format  // how structured output is asked for; "" means FormatSchema

	Guard *guard.Guard     // finds orders hidden in records; nil is the built-in one
	Log   *slog.Logger     // nil logs nothing
	Now   func() time.Time // nil is time.Now
}

// A Format is how a server is asked for JSON.
type Format string

// The formats.
const (
	FormatSchema Format = "schema" // by a JSON schema (OpenAI, vLLM, Ollama)
	FormatObject Format = "object" // by name only (DeepSeek)
	FormatPrompt Format = "prompt" // by the prompt alone
)

// Formats lists every format.
var Formats = []Format{FormatSchema, FormatObject, FormatPrompt}

// The reasons, beside those of package ground, why a model's words are not
// used. The list is closed: it labels figures.
const (
	resultWorded   = "worded"   // they are used
	resultCached   = "cached"   // they are used again
	resultOff      = "off"      // the channel is switched off
	resultBusy     = "busy"     // too many calls at once
	resultOpen     = "breaker"  // too many failures before
	resultBudget   = "budget"   // tokens or money of the answer, the hour or the tenant are spent
	resultPoisoned = "poisoned" // a record holds orders to a model
	resultRefused  = "http"     // the server refuses or cannot be reached
	resultStalled  = "stalled"  // nothing came in time
	resultGarbage  = "garbage"  // cut off, or not what was asked for
	resultSame     = "same"     // the plain answer in its own words
	resultGone     = "gone"     // the reader has left
)

// Results lists every outcome of a call, for figures.
func Results() []string {
	list := []string{resultWorded, resultCached, resultOff, resultBusy, resultOpen, resultBudget, resultPoisoned, resultRefused, resultStalled,
		resultGarbage, resultSame, resultGone}
	for _, r := range ground.Reasons {
		list = append(list, string(r))
	}
	return list
}

// A failure is an error that says as which result it is counted.
type failure struct {
	result string
	err    error
}

func (f *failure) Error() string {
	if f.err == nil {
		return "model: " + f.result
	}
	return "model: " + f.result + ": " + f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// ResultOf is the result that an error of a call is counted as, or "" if it is
// none of a call.
func ResultOf(err error) string {
	var f *failure
	var g *ground.FaultError
	if errors.As(err, &f) || errors.As(err, &g) {
		return resultOf(err)
	}
	return ""
}

// resultOf is the result that an error is counted as.
func resultOf(err error) string {
	var f *failure
	var g *ground.FaultError
	switch {
	case errors.As(err, &f):
		return f.result
	case errors.As(err, &g):
		return string(g.Reason)
	}
	return resultGarbage
}

// A Client is a language model with everything around it. It is safe for
// concurrent use.
type Client struct {
	cfg     Config
	api     *openai.Client
	rules   *ground.Rules
	prompts *prompts
	breaker *gobreaker.TwoStepCircuitBreaker[any]
	calls   chan struct{}
	spent   ledger
	cache   *lru.Cache[string, []string]
	off     map[answer.Channel]*atomic.Bool
	figures *figures
	results map[string]*atomic.Int64 // by what became of calls
}

var _ answer.Refiner = (*Client)(nil)

// How often a server may fail in a row before it is left alone, and for how
// long.
const (
	maxFailures = 5
	leaveAlone  = 30 * time.Second
)

func (cfg Config) withDefaults() Config {
	cfg.Title = cmp.Or(cfg.Title, cfg.Model)
	cfg.Answer = cmp.Or(cfg.Answer, 8*time.Second)
	cfg.First = cmp.Or(cfg.First, 2*time.Second)
	cfg.Gap = cmp.Or(cfg.Gap, 900*time.Millisecond)
	cfg.Restate = cmp.Or(cfg.Restate, time.Second)
	cfg.MaxTokens = cmp.Or(cfg.MaxTokens, 1000)
	cfg.Calls = cmp.Or(cfg.Calls, 8)
	cfg.Cache = cmp.Or(cfg.Cache, 2000)
	cfg.Format = cmp.Or(cfg.Format, FormatSchema)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// check reports what cannot be meant. The key is in no message.
func (cfg Config) check() error {
	var errs []error
	if u, err := url.Parse(cfg.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		errs = append(errs, errors.New("模型服务的地址应形如 http://127.0.0.1:8000/v1"))
	}
	if cfg.Model == "" {
		errs = append(errs, errors.New("没有写模型名称"))
	}
	if strings.ContainsAny(cfg.Key, " \t\r\n") {
		errs = append(errs, errors.New("模型密钥里有空白"))
	}
	if !slices.Contains(Formats, cfg.Format) {
		errs = append(errs, fmt.Errorf("输出格式 %q 应为 schema、object 或 prompt", cfg.Format))
	}
	if min(cfg.Answer, cfg.First, cfg.Gap, cfg.Restate) < 0 || min(cfg.MaxTokens, cfg.HourTokens, cfg.TenantTokens, cfg.Calls, cfg.Cache) < 0 ||
		min(cfg.AnswerYuan, cfg.HourYuan, cfg.PriceIn, cfg.PriceOut) < 0 {
		errs = append(errs, errors.New("上限和单价不能是负数"))
	}
	return errors.Join(errs...)
}

// New makes a client. It does not call the server. An error says in Chinese
// what of the configuration is wrong.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg, calls: make(chan struct{}, cfg.Calls), off: map[answer.Channel]*atomic.Bool{}, figures: newFigures(), results: map[string]*atomic.Int64{}}
	for _, ch := range answer.Channels {
		c.off[ch] = &atomic.Bool{}
	}
	for _, r := range Results() {
		c.results[r] = &atomic.Int64{}
	}
	var err error
	if c.cfg.Guard == nil {
		if c.cfg.Guard, err = guard.New(nil); err != nil {
			return nil, err
		}
	}
	if c.rules, err = ground.Load(); err != nil {
		return nil, err
	}
	if c.prompts, err = loadPrompts(); err != nil {
		return nil, err
	}
	if c.cache, err = lru.New[string, []string](cfg.Cache); err != nil {
		return nil, err
	}
	c.api = openai.NewClientWithConfig(apiConfig(cfg))
	c.breaker = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name: "model", MaxRequests: 1, Timeout: leaveAlone,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= maxFailures },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			c.cfg.Log.Warn("model breaker", "from", from.String(), "to", to.String())
		},
	})
	c.figures.watch(c)
	return c, nil
}

// Set switches the model on or off for a channel, at once.
func (c *Client) Set(ch answer.Channel, on bool) {
	if f := c.off[ch]; f != nil {
		f.Store(!on)
	}
}

// On reports whether the model is on for a channel.
func (c *Client) On(ch answer.Channel) bool {
	f := c.off[ch]
	return f != nil && !f.Load()
}

// Mark is the mark of what the model writes.
func (c *Client) Mark() answer.AIGC {
	return answer.AIGC{Label: true, Producer: c.cfg.Producer, Model: c.cfg.Title, Filing: c.cfg.Filing}
}

// count counts what became of a call, and returns the error.
func (c *Client) count(purpose string, ch answer.Channel, err error) error {
	result := resultWorded
	if err != nil {
		result = resultOf(err)
		var fault *ground.FaultError
		if errors.As(err, &fault) {
			// The text may hold what the citizen asked, which no log keeps by default.
			c.cfg.Log.Debug("model text refused", "purpose", purpose, "reason", fault.Reason, "text", guard.Mask(fault.Text))
		}
	}
	c.tally(purpose, ch, result)
	return err
}

// gone tells a reader who has left from a server that is slow.
func gone(ctx context.Context) bool {
	return ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled)
}
