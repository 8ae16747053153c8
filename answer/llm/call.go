package llm

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/sashabaranov/go-openai"
)

// An order is one call of the model.
type order struct {
	system, user string
	schema       json.RawMessage
	name         string // of the schema
	tokens       int    // that it may write
	tenant       string
	first, gap   time.Duration
}

// maxChat is how many bytes of a reply are read, whatever the server sends.
const maxChat = 1 << 20

// apiConfig says how to reach the server: no redirects, no endless replies.
func apiConfig(cfg Config) openai.ClientConfig {
	api := openai.DefaultConfig(cfg.Key)
	api.BaseURL = cfg.URL
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.Calls
	transport.MaxResponseHeaderBytes = 64 << 10
	api.HTTPClient = &http.Client{
		Transport:     bounded{transport, maxChat},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return api
}

// errStalled is the cause of a call's end when nothing has come in time.
var errStalled = errors.New("the model server has sent nothing in time")

// ask calls the model and writes what it says to w as it comes. It tries again
// once if nothing has come. Every error is a *failure.
func (c *Client) ask(ctx context.Context, o order, w io.Writer) error {
	select {
	case c.calls <- struct{}{}:
		defer func() { <-c.calls }()
	default:
		return &failure{resultBusy, nil}
	}
	asked := estimate(o.system) + estimate(o.user)
	reserved, ok := c.spent.reserve(c.cfg, o.tenant, asked, o.tokens)
	if !ok {
		return &failure{resultBudget, nil}
	}
	done, err := c.breaker.Allow()
	if err != nil {
		c.spent.settle(c.cfg, reserved, usage{})
		return &failure{resultOpen, err}
	}
	start := time.Now()
	u, err := c.attempt(ctx, o, w)
	if err != nil && !u.begun && ctx.Err() == nil && again(err) {
		c.figures.retries.Inc()
		u, err = c.attempt(ctx, o, w)
	}
	c.figures.seconds.Observe(time.Since(start).Seconds())
	if u.begun && u.in == 0 {
		u.in = asked // the server does not say
	}
	c.spent.settle(c.cfg, reserved, u)
	c.figures.spend(u, c.cfg)
	switch {
	case err == nil:
		done(nil)
		return nil
	case gone(ctx), errors.Is(err, errReader), u.begun && errors.Is(err, context.DeadlineExceeded):
		done(nil) // no fault of the server's: it was talking
	default:
		done(err)
	}
	return c.explain(ctx, err)
}

// errReader means that what reads the words has seen enough.
var errReader = errors.New("reader")

// explain makes a failure of what went wrong with a call.
func (c *Client) explain(ctx context.Context, err error) error {
	switch {
	case gone(ctx):
		return &failure{resultGone, err}
	case errors.Is(err, errStalled), errors.Is(err, context.DeadlineExceeded):
		return &failure{resultStalled, err}
	case errors.Is(err, errReader):
		return err
	case isHTTP(err):
		return &failure{resultRefused, err}
	}
	return &failure{resultGarbage, err}
}

func isHTTP(err error) bool {
	var a *openai.APIError
	var r *openai.RequestError
	var n interface{ Timeout() bool }
	return errors.As(err, &a) || errors.As(err, &r) || errors.As(err, &n)
}

// again reports whether a failed call is worth a second try: the server was
// not reached, or says that it is busy or broken.
func again(err error) bool {
	var a *openai.APIError
	var r *openai.RequestError
	switch {
	case errors.Is(err, errStalled):
		return false // one has waited long enough
	case errors.As(err, &a):
		return a.HTTPStatusCode == http.StatusTooManyRequests || a.HTTPStatusCode >= http.StatusInternalServerError
	case errors.As(err, &r):
		return r.HTTPStatusCode == http.StatusTooManyRequests || r.HTTPStatusCode >= http.StatusInternalServerError
	}
	return isHTTP(err)
}

// A usage is what one call has used.
type usage struct {
	begun   bool // something was said
	in, out int  // tokens
}

// attempt makes one call. A watchman ends it when nothing comes in time.
func (c *Client) attempt(ctx context.Context, o order, w io.Writer) (u usage, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchman := time.AfterFunc(o.first, func() { cancel(errStalled) })
	defer watchman.Stop()
	defer func() {
		if err != nil && errors.Is(context.Cause(ctx), errStalled) {
			err = errStalled
		}
	}()
	stream, err := c.api.CreateChatCompletionStream(ctx, c.request(o))
	if err != nil {
		return u, err
	}
	defer stream.Close()
	runes := 0
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return u, err
		}
		if part.Usage != nil {
			u.in, u.out = part.Usage.PromptTokens, part.Usage.CompletionTokens
		}
		if len(part.Choices) == 0 {
			continue
		}
		said := part.Choices[0].Delta.Content
		if said == "" {
			continue // a role, or reasoning, which nobody is shown
		}
		u.begun = true
		watchman.Reset(o.gap)
		if runes += utf8.RuneCountInString(said); u.out < runes {
			u.out = runes
		}
		if runes > 4*o.tokens {
			return u, errors.New("the model server has sent more than was asked for")
		}
		if _, err := io.WriteString(w, said); err != nil {
			return u, errors.Join(errReader, err)
		}
	}
	return u, nil
}

// request is a call as the server gets it: with max_tokens, which one's own
// servers know, and not the newer name for it. Temperature 0 would be left out of
// the JSON, which servers take for 1.
func (c *Client) request(o order) openai.ChatCompletionRequest {
	seed := 0
	r := openai.ChatCompletionRequest{
		Model: c.cfg.Model,
		Messages: []openai.ChatCompletionMessage{
			{Role: openai.ChatMessageRoleSystem, Content: o.system},
			{Role: openai.ChatMessageRoleUser, Content: o.user},
		},
		MaxTokens:   o.tokens, //nolint:staticcheck // see above
		Temperature: math.SmallestNonzeroFloat32, Seed: &seed, Stream: true,
		StreamOptions: &openai.StreamOptions{IncludeUsage: true},
	}
	switch c.cfg.Format {
	case FormatSchema:
		r.ResponseFormat = &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: o.name, Schema: o.schema, Strict: true}}
	case FormatObject:
		r.ResponseFormat = &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}
	case FormatPrompt:
	}
	return r
}
