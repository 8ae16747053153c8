package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// DeskLoad is how operators at work are imitated against a running server.
type DeskLoad struct {
	URL       string // of the server
	Account   string // of an operator
	Password  string
	Operators int
	Keys      float64 // that each operator types in a second
	For       time.Duration
	Texts     []string // what they type
}

// A LoadReport says how long operators wait for suggestions: from a key press
// to the reply that knows of it.
type LoadReport struct {
	Operators int     `json:"operators"`
	Pressed   int     `json:"pressed"`  // keys
	Requests  int     `json:"requests"` // fewer: while one is under way the newest waits
	Failed    int     `json:"failed"`
	Empty     int     `json:"empty"` // replies without a suggestion
	P50       float64 `json:"ms p50"`
	P95       float64 `json:"ms p95"`
	P99       float64 `json:"ms p99"`
	Max       float64 `json:"ms max"`
	Editions  int     `json:"editions"` // that replies were from
	Seconds   float64 `json:"seconds"`
}

// String lists the figures in lines.
func (r *LoadReport) String() string {
	return fmt.Sprintf("%d operators, %.0f s: %d keys, %d requests, %d failed, %d without a suggestion, %d editions\nms p50 %.1f  p95 %.1f  p99 %.1f  max %.1f\n",
		r.Operators, r.Seconds, r.Pressed, r.Requests, r.Failed, r.Empty, r.Editions, r.P50, r.P95, r.P99, r.Max)
}

// ErrLoad means that the server cannot be worked with.
var ErrLoad = errors.New("desk load")

// Run lets the operators type until the time is over.
func (l DeskLoad) Run(ctx context.Context) (*LoadReport, error) {
	if l.Operators < 1 || l.Keys <= 0 || l.For <= 0 || len(l.Texts) == 0 {
		return nil, fmt.Errorf("%w: operators, keys, time and texts must be positive", ErrLoad)
	}
	ctx, cancel := context.WithTimeout(ctx, l.For)
	defer cancel()
	typists := make([]*typist, l.Operators)
	client, token, err := l.logIn(ctx)
	if err != nil {
		return nil, err
	}
	for i := range typists {
		t := &typist{load: &l, client: client, token: token, n: i, editions: map[uint64]bool{}}
		if err := t.open(ctx); err != nil {
			return nil, err
		}
		typists[i] = t
	}
	start := time.Now()
	var all sync.WaitGroup
	for _, t := range typists {
		all.Go(func() { t.work(ctx) })
	}
	all.Wait()
	r := &LoadReport{Operators: l.Operators, Seconds: time.Since(start).Seconds()}
	var waits []time.Duration
	editions := map[uint64]bool{}
	for _, t := range typists {
		r.Pressed += t.pressed
		r.Requests += t.requests
		r.Failed += t.failed
		r.Empty += t.empty
		waits = append(waits, t.waits...)
		for e := range t.editions {
			editions[e] = true
		}
	}
	r.Editions = len(editions)
	if len(waits) == 0 {
		return r, fmt.Errorf("%w: no reply at all", ErrLoad)
	}
	slices.Sort(waits)
	at := func(share float64) float64 {
		return float64(waits[min(len(waits)-1, int(share*float64(len(waits))))].Microseconds()) / 1000
	}
	r.P50, r.P95, r.P99, r.Max = at(.5), at(.95), at(.99), at(1)
	return r, nil
}

// Where pages keep the token of a login and of the desk.
var (
	formToken = regexp.MustCompile(`name="_csrf" value="([^"]*)"`)
	deskToken = regexp.MustCompile(`data-csrf="([^"]*)"`)
)

// logIn logs the operator in as a browser does.
func (l DeskLoad) logIn(ctx context.Context) (client *http.Client, token string, err error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, "", err
	}
	client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: l.Operators}, Timeout: 30 * time.Second, Jar: jar}
	page := func(method, path string, form url.Values, want *regexp.Regexp) (string, error) {
		req, err := http.NewRequestWithContext(ctx, method, l.URL+path, strings.NewReader(form.Encode()))
		if err != nil {
			return "", err
		}
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return "", err
		}
		found := want.FindSubmatch(text)
		if found == nil {
			return "", fmt.Errorf("%w: %s %s: %s, and not the page that was to come", ErrLoad, method, path, resp.Status)
		}
		return html.UnescapeString(string(found[1])), nil
	}
	if token, err = page(http.MethodGet, "/staff/login", nil, formToken); err != nil {
		return nil, "", err
	}
	token, err = page(http.MethodPost, "/staff/login", url.Values{"_csrf": {token}, "name": {l.Account}, "password": {l.Password}, "next": {"/desk"}}, deskToken)
	return client, token, err
}

// A typist is one operator.
type typist struct {
	load   *DeskLoad
	client *http.Client
	token  string // against forged requests
	n      int
	call   string

	mu       sync.Mutex
	typed    string
	complete bool
	pressed  int
	since    []time.Time // of the keys that no reply knows of yet
	busy     bool

	requests, failed, empty int
	waits                   []time.Duration
	editions                map[uint64]bool
	shown                   []string
	sending                 sync.WaitGroup
}

func (t *typist) open(ctx context.Context) error {
	var call struct {
		ID string `json:"id"`
	}
	if err := t.post(ctx, "/api/v1/desk/calls", map[string]any{}, &call); err != nil {
		return fmt.Errorf("%w: a call is not opened: %w", ErrLoad, err)
	}
	t.call = call.ID
	return nil
}

func (t *typist) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.load.URL+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", t.token)
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s", resp.Status, text[:min(len(text), 200)])
	}
	return json.Unmarshal(text, out)
}

// work types one text after the other, at a steady pace, until ctx ends.
func (t *typist) work(ctx context.Context) {
	pace := time.Duration(float64(time.Second) / t.load.Keys)
	wait := time.NewTimer(pace * time.Duration(t.n) / time.Duration(t.load.Operators)) // not all at the same moment
	defer wait.Stop()
	for k := t.n; ctx.Err() == nil; k += t.load.Operators {
		text := []rune(t.load.Texts[k%len(t.load.Texts)])
		for i := range text {
			select {
			case <-wait.C:
			case <-ctx.Done():
				t.sending.Wait()
				return
			}
			wait.Reset(pace)
			t.press(string(text[:i+1]), i == len(text)-1)
		}
	}
	t.sending.Wait()
}

// press is one key. As on the page, one request is under way at a time, and the
// newest text waits for it.
func (t *typist) press(typed string, complete bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.typed, t.complete = typed, complete
	t.pressed++
	t.since = append(t.since, time.Now())
	if !t.busy {
		t.busy = true
		t.sending.Go(t.pump)
	}
}

// pump asks until nothing new has been typed. It finishes what it has begun
// when the time is over.
func (t *typist) pump() {
	for {
		t.mu.Lock()
		if len(t.since) == 0 {
			t.busy = false
			t.mu.Unlock()
			return
		}
		typed, complete, since := t.typed, t.complete, t.since
		t.since = nil
		t.mu.Unlock()
		var got struct {
			Items []struct {
				Code string `json:"code"`
			} `json:"items"`
			Edition uint64 `json:"edition"`
		}
		err := t.post(context.Background(), "/api/v1/desk/calls/"+t.call+"/suggest", map[string]any{"typed": typed, "shown": t.shown, "complete": complete}, &got)
		now := time.Now()
		t.requests++
		for _, at := range since {
			t.waits = append(t.waits, now.Sub(at))
		}
		if err != nil {
			t.failed++
			continue
		}
		t.editions[got.Edition] = true
		if t.shown = nil; len(got.Items) == 0 {
			t.empty++
		}
		for _, item := range got.Items {
			t.shown = append(t.shown, item.Code)
		}
	}
}
