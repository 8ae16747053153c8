// Package client calls a govqa service from Go. It needs nothing but the
// standard library: what the service answers is decoded into the types of the
// service's own OpenAPI document.
//
//	c, err := client.New("https://q.example.gov.cn", client.Options{Key: key})
//	a, err := c.Ask(ctx, client.AskBody{Text: "身份证丢了怎么补"})
//
// A Client promises that every failure that the service explains is a
// [*Problem], whose Title can be shown to a citizen and whose RetryAfter says
// when to come back.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Options tune a Client. The zero value is fit for use.
type Options struct {
	// Key is the API key; empty calls without one.
	Key string
	// Visitor is a pseudonym of the one that the calls are for, so that one of
	// an app's visitors cannot use up its share of a minute. It needs a Key.
	Visitor string
	// Hant wants the words of answers in traditional characters.
	Hant bool
	// HTTP does the requests; nil is a client with a timeout of 30 seconds.
	HTTP *http.Client
	// Wait is the longest that a call waits, each time, when the service says
	// when to come back; 0 returns the Problem at once.
	Wait time.Duration
}

// tries is how often a call is made at most where it may wait.
const tries = 3

// A Client calls one service. It is safe for concurrent use.
type Client struct {
	base string
	opts Options
	http *http.Client
}

// New returns a client of the service at base, as https://q.example.gov.cn.
func New(base string, opts Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
		return nil, fmt.Errorf("client: %q is not the address of a service", base)
	}
	return &Client{strings.TrimSuffix(u.String(), "/"), opts, cmp.Or(opts.HTTP, &http.Client{Timeout: 30 * time.Second})}, nil
}

// Error implements error.
func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	if p.Detail != "" {
		b.WriteString("：" + p.Detail)
	}
	for _, e := range p.Errors {
		b.WriteString("；" + e.Field + " " + e.Message)
	}
	return b.String()
}

// A failure is a Problem with what its headers say.
type failure struct {
	*Problem
	after time.Duration
}

// Unwrap gives the Problem to errors.As.
func (f *failure) Unwrap() error { return f.Problem }

// RetryAfter returns when the service wants to be asked again, and false if it
// has not said.
func RetryAfter(err error) (time.Duration, bool) {
	var f *failure
	if errors.As(err, &f) && f.after > 0 {
		return f.after, true
	}
	return 0, false
}

// request makes a request, with v as its body unless that is nil.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, v any) (*http.Request, error) {
	address := c.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if v != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.opts.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.opts.Key)
	}
	if c.opts.Visitor != "" {
		req.Header.Set("Govqa-Visitor", c.opts.Visitor)
	}
	if c.opts.Hant {
		req.Header.Set("Accept-Language", "zh-Hant")
	}
	return req, nil
}

// send sends a request, again if it is told when and may wait as long. The
// caller closes the body of the response, which went well.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := c.http.Do(req)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		if resp.StatusCode == http.StatusOK {
			return resp, nil
		}
		err = problemOf(resp)
		wait, told := RetryAfter(err)
		if !told || wait > c.opts.Wait || try == tries {
			return nil, err
		}
		if err := sleep(req.Context(), wait); err != nil {
			return nil, err
		}
		if req.Body, err = req.GetBody(); err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// maxProblem is the length in bytes of a problem document that is read.
const maxProblem = 1 << 16

// problemOf reads why a request was refused.
func problemOf(resp *http.Response) error {
	defer resp.Body.Close()
	f := &failure{Problem: &Problem{Status: resp.StatusCode, Title: resp.Status, Instance: resp.Header.Get("X-Request-ID")}}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		f.after = time.Duration(seconds) * time.Second
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		err = json.Unmarshal(body, f.Problem)
	}
	return errors.Join(f, err)
}

// call makes a call and decodes its reply.
func call[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any, header ...string) (*T, error) {
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.send(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	v := new(T)
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return nil, fmt.Errorf("client: %s: %w", path, err)
	}
	return v, nil
}

// values makes a query of pairs, leaving out what is empty.
func values(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}
