package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/recommend/history"
)

// A town is the sample city with its API and its own calendar, in which
// stories are told.
type town struct {
	t      *testing.T
	server *api.Server
	today  time.Time
}

// sampleApp is the sample corpus, opened once: its dictionaries take a second
// to load.
func sampleApp(t *testing.T) *app {
	t.Helper()
	shared.opened.Do(func() {
		a, err := openApp(t.Context(), filepath.Join(shared.dir, "sample"), true, slog.New(slog.DiscardHandler), io.Discard)
		if err != nil {
			t.Error(err)
			return
		}
		shared.app = a
	})
	if shared.app == nil {
		t.FailNow()
	}
	return shared.app
}

func newTown(t *testing.T) *town {
	t.Helper()
	w := &town{t: t, today: time.Date(2026, 10, 8, 10, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.today }
	a := sampleApp(t)
	store, err := history.Open(t.TempDir(), history.Options{Key: []byte("0123456789abcdef"), Now: now, Keep: -1})
	if err != nil {
		t.Fatal(err)
	}
	memory := newMemory(store, a.log)
	t.Cleanup(func() {
		memory.close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := a.engine.Config
	cfg.Memory, cfg.Now, cfg.Journal = memory, now, nil
	engine, err := answer.New(cfg)
	if err == nil {
		err = engine.Refresh(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if w.server, err = api.New(api.Config{Personal: engine, AsksPerMinute: -1}, engine, a.log); err != nil {
		t.Fatal(err)
	}
	return w
}

// call sends a request and reads the reply into v.
func (w *town) call(method, path string, body, v any) {
	w.t.Helper()
	var b bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&b).Encode(body); err != nil {
			w.t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, path, &b)
	r.Header.Set("Content-Type", "application/json")
	resp, err := w.server.App().Test(r, 20_000)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %s: %d %s %v", method, path, resp.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		w.t.Fatal(err)
	}
}

// did records that somebody did something with matters, one a day, the last
// today.
func (w *town) did(who, act string, matters ...string) {
	w.t.Helper()
	w.record(w.doing(who, act, matters))
}

func (w *town) doing(who, act string, matters []string) (events []answer.Event) {
	for i, m := range matters {
		events = append(events, answer.Event{Subject: who, Matter: m, Type: act, Region: "990101", Time: w.today.AddDate(0, 0, i-len(matters)+1)})
	}
	return events
}

func (w *town) record(events []answer.Event) {
	w.t.Helper()
	var got answer.Recorded
	w.call("POST", "/api/v1/events", events, &got)
	if got.Accepted != len(events) {
		w.t.Fatalf("%+v of %d events", got, len(events))
	}
}

// crowd has n people do the same.
func (w *town) crowd(name string, n int, matters ...string) {
	w.t.Helper()
	var events []answer.Event
	for i := range n {
		events = append(events, w.doing(fmt.Sprint(name, i), "finish", matters)...)
	}
	w.record(events)
}

func (w *town) list(query string) answer.RecommendPage {
	w.t.Helper()
	var page answer.RecommendPage
	w.call("GET", "/api/v1/recommendations?limit=12&"+query, nil, &page)
	return page
}

func (w *town) pass(days int) { w.today = w.today.AddDate(0, 0, days) }

// A step of a story: what is done, and what the list must then be.
type step struct {
	why   string
	pass  int      // days that go by first
	act   string   // "" is finish
	done  []string // matters
	has   []string // matters that the list, or a card of it, must hold
	not   []string // matters that it must not
	words []string // each must stand in some reason
}

func (w *town) tell(who, audience string, steps []step) {
	w.t.Helper()
	finished := map[string]bool{}
	for _, s := range steps {
		w.pass(s.pass)
		if len(s.done) > 0 {
			act := "finish"
			if s.act != "" {
				act = s.act
			}
			w.did(who, act, s.done...)
			for _, m := range s.done {
				finished[m] = finished[m] || act == "finish"
			}
		}
		page := w.list("subject=" + url.QueryEscape(who) + "&region=990101&audience=" + url.QueryEscape(audience))
		w.check(s, page)
		for _, r := range page.Recommendations {
			if finished[r.Code] && r.Kind != "renewal" {
				w.t.Errorf("%s: %s is done and still suggested (%s)", s.why, r.Name, r.Reason)
			}
		}
	}
}

func (w *town) check(s step, page answer.RecommendPage) {
	w.t.Helper()
	var codes []string
	var text strings.Builder
	for _, r := range page.Recommendations {
		codes = append(append(codes, r.Code), r.Rest...)
		fmt.Fprintf(&text, "%s %s %s %s %v\n", r.Code, r.Name, r.Kind, r.Reason, r.Rest)
		if r.Reason == "" || r.Name == "" || r.Switch == "" {
			w.t.Errorf("%s: %+v lacks a reason, a name or the switch", s.why, r)
		}
		if strings.Contains(r.Reason, "%") && r.Support < 20 {
			w.t.Errorf("%s: a share with %d people behind it: %s", s.why, r.Support, r.Reason)
		}
	}
	bad := false
	for _, c := range s.has {
		bad = bad || !slices.Contains(codes, c)
	}
	for _, c := range s.not {
		bad = bad || slices.Contains(codes, c)
	}
	for _, word := range s.words {
		bad = bad || !strings.Contains(text.String(), word)
	}
	if bad {
		w.t.Errorf("%s: want %v and not %v, saying %q; got\n%s", s.why, s.has, s.not, s.words, text.String())
	}
}

// The matters of the stories.
const (
	birthProof, birthEntry, vaccination, babyInsurance = "AL-SY-002", "AL-HJ-001", "AL-SY-007", "AL-YB-002"
	socialCard, childAllowance, birthAllowance         = "AL-SB-028", "AL-SY-008", "AL-YB-010"

	firmName, firmEntry, taxpayer, invoices, firmInsurance, firmFund = "AL-SC-017", "AL-SC-001", "AL-SW-007", "AL-SW-008", "AL-SB-001", "AL-GJ-001"
	yearReport, taxClearance, firmEnd, stopInsurance                 = "AL-SC-020", "AL-SW-011", "AL-SC-014", "AL-SB-003"

	yearsCredit, retirement, fundPayout, aliveProof, awayCare = "AL-SB-012", "AL-SB-009", "AL-GJ-007", "AL-SB-017", "AL-YB-006"
)

func TestStoryOfABirth(t *testing.T) {
	w := newTown(t)
	w.crowd("家庭", 30, birthProof, birthEntry, babyInsurance)
	w.crowd("另一家庭", 20, birthProof, babyInsurance)
	w.tell("妈妈", "自然人", []step{
		{why: "before anything is done", has: []string{birthProof, birthEntry}, not: []string{retirement}, words: []string{"听涛区近来办理较多"}},
		{why: "the child is born", done: []string{birthProof}, has: []string{birthEntry, babyInsurance, vaccination},
			not: []string{firmEntry, childAllowance}, words: []string{"办理「出生医学证明首次签发」的人中59%接着办"}},
		{why: "the child has an entry", pass: 7, done: []string{birthEntry}, has: []string{babyInsurance, socialCard, childAllowance, vaccination},
			not: []string{birthProof}, words: []string{"办完「出生登记」就可以办它"}},
		{why: "the insurance is under way", pass: 3, act: "submit", done: []string{babyInsurance}, has: []string{socialCard, childAllowance, vaccination},
			not: []string{babyInsurance}},
		{why: "a card is refused", pass: 1, act: "withdraw", done: []string{socialCard}, has: []string{childAllowance}, not: []string{socialCard, babyInsurance}},
		{why: "all is done", pass: 30, done: []string{babyInsurance, childAllowance, vaccination}, has: []string{birthAllowance},
			not: []string{birthEntry, babyInsurance, vaccination, childAllowance}},
	})
}

func TestStoryOfAFirm(t *testing.T) {
	w := newTown(t)
	w.tell("firm-1", "企业法人", []step{
		{why: "the name is declared", done: []string{firmName}, has: []string{firmEntry}, not: []string{birthProof, retirement}},
		{why: "the firm is entered", pass: 3, done: []string{firmEntry}, has: []string{taxpayer, firmInsurance, firmFund},
			not: []string{firmName, birthProof}, words: []string{"「企业开办一件事」中，办完「有限责任公司设立登记」就可以办它"}},
		{why: "it pays taxes", pass: 2, done: []string{taxpayer}, has: []string{invoices, firmInsurance, firmFund}, not: []string{firmEntry}},
		{why: "it employs people and reports", pass: 90, done: []string{invoices, firmInsurance, firmFund, yearReport}, not: []string{invoices, firmInsurance, firmFund, yearReport}},
		{why: "the yearly report is due again", pass: 330, has: []string{yearReport}, words: []string{"每年都要办，上次是2027年1月"}},
		{why: "it stops its employees' insurance", pass: 300, done: []string{stopInsurance}, has: []string{taxClearance}, not: []string{firmEnd},
			words: []string{"「企业注销登记一件事」后面还要办的事项"}},
		{why: "its taxes are cleared", pass: 20, done: []string{taxClearance}, has: []string{firmEnd},
			words: []string{"「企业注销登记一件事」中，办完"}},
		{why: "it is closed", pass: 20, done: []string{firmEnd}, not: []string{firmEnd, taxClearance, firmEntry}},
	})
}

func TestStoryOfARetirement(t *testing.T) {
	w := newTown(t)
	w.crowd("退休者", 25, retirement, fundPayout)
	w.tell("老张", "自然人", []step{
		{why: "his years are credited", done: []string{yearsCredit}, has: []string{retirement}, not: []string{firmEntry}},
		{why: "he retires", pass: 30, done: []string{retirement}, has: []string{fundPayout, aliveProof, awayCare},
			not: []string{yearsCredit}, words: []string{"的人中96%接着办"}},
		{why: "he proves that he is alive", pass: 10, done: []string{fundPayout, aliveProof}, has: []string{awayCare}, not: []string{fundPayout, aliveProof}},
		{why: "half a year on", pass: 180, not: []string{aliveProof, fundPayout, retirement}},
		{why: "the proof ends soon", pass: 110, has: []string{aliveProof}, words: []string{"有效期认证通过后12个月，约在2027年11月到期"}},
	})
}

// The switch holds from the next request on, and what was erased leads
// nowhere.
func TestRightsOverTheAPI(t *testing.T) {
	w := newTown(t)
	w.did("她", "finish", birthProof)
	next := func() (codes []string, personal bool) {
		page := w.list("subject=" + url.QueryEscape("她"))
		for _, r := range page.Recommendations {
			codes = append(codes, r.Code)
		}
		return codes, page.Personalized
	}
	if codes, personal := next(); !personal || !slices.Contains(codes, birthEntry) {
		t.Fatalf("with a history: %v %v", personal, codes)
	}
	var p answer.Profile
	path := "/api/v1/subjects/" + url.PathEscape("她")
	w.call("PUT", path+"/personalization", map[string]bool{"on": false}, &p)
	if codes, personal := next(); personal || slices.Contains(codes, birthEntry) {
		t.Errorf("switched off: %v %v", personal, codes)
	}
	w.call("PUT", path+"/personalization", map[string]bool{"on": true}, &p)
	if codes, personal := next(); !personal || !slices.Contains(codes, birthEntry) {
		t.Errorf("switched on again: %v %v", personal, codes)
	}
	var export answer.Personal
	w.call("GET", path, nil, &export)
	if len(export.Events) != 1 || export.Events[0].Matter != birthProof || !export.Profile.Agreed {
		t.Errorf("export: %+v", export)
	}
	var erased answer.Erased
	w.call("DELETE", path, nil, &erased)
	if codes, _ := next(); erased.Events != 1 || slices.Contains(codes, birthEntry) {
		t.Errorf("erased %+v, suggested %v", erased, codes)
	}
	w.call("GET", path, nil, &export)
	if len(export.Events) != 0 {
		t.Errorf("export after erasing: %+v", export)
	}
}

// From reading about a disability nothing is concluded; from having a card
// for it something is.
func TestNothingIsConcludedFromReadingAboutASensitiveMatter(t *testing.T) {
	w := newTown(t)
	w.did("他", "view", "AL-CJ-001")
	w.check(step{why: "read", not: []string{"AL-CJ-007", "AL-CJ-008", "AL-CJ-010"}}, w.list("subject="+url.QueryEscape("他")+"&audience=person"))
	w.did("他", "finish", "AL-CJ-001")
	w.check(step{why: "done", has: []string{"AL-CJ-008"}}, w.list("subject="+url.QueryEscape("他")+"&audience=person"))
}
