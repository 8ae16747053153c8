package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/corpus"
)

// testDevice: ticks, saved matters and questions stay on the device, as text,
// until they are deleted.
func testDevice(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 360, 740)
	b.say("居住证要什么材料")
	b.Until(oneAnswer)
	b.Click("#log .checks li:nth-child(2) input")
	b.Do("[...document.querySelectorAll('#log .kit button')].find((x) => x.textContent === '收藏').click()")
	b.Shoot("answer-kit-360")
	b.Visit("/matters/AL%2FJZ%20001")
	b.Until("!document.querySelector('[data-kit]').hidden")
	b.Is("[...document.querySelectorAll('.materials input')].map((i) => i.checked).join() === 'false,true,false'")
	b.Is("[...document.querySelectorAll('.kit button')].some((x) => x.textContent === '已收藏')")

	b.Visit("/events/AL-B-1")
	b.Until("document.querySelector('[data-count]').textContent === '已完成 0 / 3'")
	b.Click(".path li:nth-child(1) .tick")
	b.Is("document.querySelector('[data-count]').textContent === '已完成 1 / 3'")
	b.Shoot("event-ticked-360")
	b.Visit("/events/AL-B-1")
	b.Until("document.querySelector('[data-count]').textContent === '已完成 1 / 3'")

	b.Visit("/#welcome")
	b.say("家里着火了")
	b.Until("document.querySelector('#log .grave') !== null")
	b.say("我的号440106199001011232办好了吗")
	b.Until("document.querySelectorAll('#log .card').length === 3")
	b.Is("localStorage.getItem('asked') === JSON.stringify(['居住证要什么材料'])")

	// What the device holds may be anybody's words.
	b.Do(`localStorage.setItem('asked', JSON.stringify(['<img src=x onerror="document.title=1">', '居住证要什么材料'])); sessionStorage.clear()`)
	b.Visit("/")
	b.Until("!document.getElementById('saved').hidden && !document.getElementById('asked').hidden")
	b.Is("document.title !== '1' && document.querySelectorAll('#asked img').length === 0")
	b.Shoot("home-mine-360")
	b.Click("#asked li:nth-child(1) .x")
	b.Is("document.querySelectorAll('#asked li').length === 1")
	b.Click("#asked .plain")
	b.Is("document.getElementById('asked').hidden && localStorage.getItem('asked') === null")
	b.Is("document.activeElement.id === 'q'")

	// What another version has left does not stop the page.
	b.Do(`localStorage.setItem('asked', '{"a":1}'); localStorage.setItem('saved', '[null,1,{"code":2}]'); localStorage.setItem('ticks', '3'); localStorage.setItem('draft', '"x"')`)
	b.Do(`sessionStorage.setItem('turns', '[{"q":"x"}]')`)
	b.Visit("/")
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.Is("document.getElementById('saved').hidden && document.getElementById('asked').hidden && !document.getElementById('welcome').hidden")
	b.Visit("/about")
	b.Click("#forget .btn")
	b.Until("document.querySelector('#forget .btn').textContent === '已删除'")
	b.Is("localStorage.length === 0 && sessionStorage.length === 0")
	b.Quiet()
}

// testGuessedRegion: a place that the question names is offered as the
// visitor's own, and taken only when they say so.
func testGuessedRegion(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	e.known["安澜听涛办居住证要几天"] = e.known["那要几天"]
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.say("安澜听涛办居住证要几天")
	b.Until(oneAnswer)
	b.Is("document.getElementById('region').value === '' && !document.cookie.includes('region')")
	b.Click(".place-note button")
	b.Is("document.getElementById('region').value === '990102' && document.cookie.includes('region=990102')")
	b.say("那要几天")
	b.Until(twoAnswers)
	b.Is("document.querySelectorAll('.place-note button').length === 0")
	if got := e.requests(); got[0].Region != "" || got[1].Region != "990102" {
		t.Errorf("requests = %+v", got)
	}
	b.Quiet()
}

// A personalServer answers the operations on subjects and notes what it is told.
type personalServer struct {
	pages *httputil.ReverseProxy
	mu    sync.Mutex
	told  []string
}

func (p *personalServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case strings.HasPrefix(path, "/api/v1/subjects/"), path == "/api/v1/events", path == "/api/v1/recommendations":
		body, _ := io.ReadAll(r.Body)
		p.mu.Lock()
		p.told = append(p.told, r.Method+" "+path+"?"+r.URL.RawQuery+" "+string(body))
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		if path == "/api/v1/recommendations" {
			_ = json.NewEncoder(w).Encode(map[string]any{"recommendations": []answer.Recommendation{{Code: "AL-JZ-002", Name: "居住证签注", Reason: "每年要签注一次", Kind: "renewal"}}})
		}
	default:
		p.pages.ServeHTTP(w, r)
	}
}

func (p *personalServer) said() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

// testConsent: nothing that tells a visitor from another leaves the device
// before they agree, nor after they have changed their mind.
func testConsent(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	target, err := url.Parse(serve(t, e))
	if err != nil {
		t.Fatal(err)
	}
	p := &personalServer{pages: httputil.NewSingleHostReverseProxy(target)}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	b := open(parent, t, s.URL, "/", 360, 740)
	b.say("居住证要什么材料")
	b.Until(oneAnswer)
	b.Visit("/matters/AL%2FJZ%20001")
	b.Visit("/about")
	b.Until("!document.getElementById('personal').hidden")
	if got := p.said(); len(got) > 0 || e.requests()[0].Subject != "" {
		t.Errorf("before consent the server was told %q, asked by %q", got, e.requests()[0].Subject)
	}
	b.Click("#personal button")
	b.Until("document.querySelector('#personal button').textContent === '关闭个性化推荐'")
	id := browsertest.Eval[string](b.Window, "localStorage.getItem('subject')")
	b.Visit("/matters/AL%2FJZ%20001")
	b.Until("!document.querySelector('[data-kit]').hidden")
	b.Visit("/#welcome")
	b.Until("document.getElementById('likely').innerText.includes('每年要签注一次')")
	b.Is("!document.getElementById('likely').innerText.includes('每年这个时候办的人多')")
	b.Shoot("likely-360")
	b.Do("sessionStorage.clear()")
	b.say("那要几天")
	b.Until(twoAnswers)
	asked := e.requests()
	if last := asked[len(asked)-1]; len(id) != 32 || last.Subject != id {
		t.Errorf("asked by %q, want %q", last.Subject, id)
	}
	b.Visit("/about")
	b.Until("!document.getElementById('personal').hidden")
	b.Click("#personal button")
	b.Until("document.querySelector('#personal button').textContent === '开启个性化推荐'")
	b.Is("localStorage.getItem('subject') === null")
	told := strings.Join(p.said(), "\n")
	for _, want := range []string{`PUT /api/v1/subjects/` + id + `/personalization? {"on":true}`, `"type":"view"`, `"matter":"AL/JZ 001"`, "subject=" + id,
		`PUT /api/v1/subjects/` + id + `/personalization? {"on":false}`, "DELETE /api/v1/subjects/" + id + "?"} {
		if !strings.Contains(told, want) {
			t.Errorf("the server was not told %s:\n%s", want, told)
		}
	}
	before := len(p.said())
	b.Visit("/matters/AL%2FJZ%20001")
	b.Until("!document.querySelector('[data-kit]').hidden")
	if after := p.said(); len(after) != before {
		t.Errorf("after the change of mind the server was told %q", after[before:])
	}
	b.Quiet()
}

// testVoice: what was heard stands in the field and is not sent by itself;
// an answer is read aloud and stopped.
func testVoice(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/about", 360, 740)
	b.Before(`
		window.SpeechRecognition = function () { window.heard = this; this.start = () => {}; this.stop = () => this.onend(); };
		window.spoken = [];
		window.SpeechSynthesisUtterance = function (text) { this.text = text; };
		Object.defineProperty(window, 'speechSynthesis', { value: { speak: (u) => spoken.push(u.text), cancel: () => spoken.push('stop') } });`)
	b.Visit("/")
	b.Until("!document.getElementById('mic').hidden")
	b.Click("#mic")
	b.Is("heard.lang === 'zh-CN' && document.getElementById('mic').getAttribute('aria-pressed') === 'true'")
	b.Do("heard.onresult({ results: [[{ transcript: '居住证要' }], [{ transcript: '什么材料' }]] }); heard.onend()")
	b.Is("document.getElementById('q').value === '居住证要什么材料' && document.activeElement.id === 'q' && document.getElementById('mic').getAttribute('aria-pressed') === 'false'")
	if n := len(e.requests()); n != 0 {
		t.Errorf("%d questions sent by voice alone", n)
	}
	b.Keys("\r")
	b.Until(oneAnswer)
	b.Click("#log .speak")
	b.Is("spoken.at(-1).includes('居民身份证') && document.querySelector('.speak').textContent === '停止朗读'")
	b.Click("#log .speak")
	b.Is("spoken.at(-1) === 'stop' && document.querySelector('.speak').textContent === '朗读'")
	b.Quiet()
}

// testWidget: one line puts the service on another site, if that site is
// allowed to.
func testWidget(parent context.Context, t *testing.T) {
	base := serve(t, &engine{known: answers()})
	b := open(parent, t, base, "/widget", 1024, 768)
	const opener = "[aria-haspopup=dialog]"
	b.Click(opener)
	b.Until("document.querySelector('iframe').contentDocument?.getElementById('q')?.getAttribute('role') === 'combobox'")
	b.Is("document.querySelector('iframe').contentDocument.documentElement.classList.contains('framed')")
	b.Shoot("widget-1024")
	b.Do("document.querySelector('[role=dialog]').dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }))")
	b.Is("document.querySelector('[role=dialog]').style.display === 'none' && document.activeElement.matches('" + opener + "')")
	b.Quiet()

	// A site that is not allowed gets an empty frame, one that is gets the page.
	for _, allowed := range []bool{false, true} {
		from := ""
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<!doctype html><meta charset=utf-8><title>x</title><body><script src="%s/widget.js" data-q="那要几天"></script>`, from)
		}))
		t.Cleanup(other.Close)
		var shown atomic.Bool // whether the frame has loaded what the page needs
		base, stop := serveAt(t, &engine{known: answers()}, "127.0.0.1:0", func(c *api.Config) {
			if allowed {
				c.AllowedFrames = []string{other.URL}
			}
		})
		t.Cleanup(stop)
		target, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(target)
		watched := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/static/app") {
				shown.Store(true)
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(watched.Close)
		from = watched.URL
		b := open(parent, t, other.URL, "/", 1024, 768)
		b.Click(opener)
		b.Until("document.querySelector('iframe').src.endsWith('/?q=%E9%82%A3%E8%A6%81%E5%87%A0%E5%A4%A9')")
		if !allowed {
			b.Refused("frame-ancestors")
		} else {
			for range 200 {
				if b.Pause(); shown.Load() {
					break
				}
			}
		}
		if shown.Load() != allowed {
			t.Errorf("allowed is %v, shown is %v", allowed, shown.Load())
		}
	}
}

// testHant: in traditional characters an answer by script is one too, and a
// rating still gives the reason by its own name.
func testHant(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/?script=hant", 360, 740)
	b.say("居住證要什麼材料")
	b.Until(oneAnswer)
	b.Is("document.querySelector('#log .lead').textContent.includes('辦理「居住證申領」需要以下3項材料')")
	b.Is("[...document.querySelectorAll('#log .kit button')].some((x) => x.textContent === '朗讀')")
	b.Shoot("hant-360")
	b.Click(".rate summary")
	b.Click(`.rate input[value="信息过期"]`)
	b.Click(`.rate [value="-1"]`)
	b.Until("document.querySelector('#log [role=status]')?.innerText.includes('謝謝')")
	if got := e.feedbacks(); len(got) != 1 || len(got[0].Reasons) != 1 || got[0].Reasons[0] != "信息过期" {
		t.Errorf("feedback %+v", got)
	}
	b.Quiet()
}

// Payloads in life events, searches and messages stay text too.
func TestEscapingEverywhere(t *testing.T) {
	p := newPages(t, web.Options{})
	inert := []string{"<img", "<script>", `onerror="`, `href="javascript:`, "ZgotmplZ"}
	for _, x := range []string{`<script>alert(1)</script>`, `"><img src=x onerror="alert(1)">`, `javascript:alert(1)`, `</textarea></title><script>alert(1)</script>`, `{{.}}`} {
		event := birth()
		event.ID, event.Name, event.Stage, event.Region, event.Source.URL, event.Source.Updated = x, x, x, x, x, x
		event.Matters[0] = answer.EventStep{MatterRef: answer.MatterRef{Code: x, Name: x + "1", Agency: x, Region: x}, Title: x, Note: x, After: []string{x}}
		event.Materials[0] = answer.SharedMaterial{Name: x, Uses: []answer.MaterialUse{{Code: x, Matter: x, About: x}}}
		holds(t, written(t, p.Event, web.Event{Event: event}), nil, inert)
		holds(t, written(t, p.Events, web.Events{Events: []answer.LifeEvent{event.LifeEvent}}), nil, inert)

		guide := permit()
		guide.Code, guide.Name, guide.Contact, guide.Places[0] = x, x, x, corpus.Place{Name: x, Address: x, Hours: x, Phone: x}
		holds(t, written(t, p.Leave, web.Leave{Guide: guide, Problem: x, Faults: []answer.MessageFault{{Field: "text", Why: x}, {Field: "kind", Why: x}},
			Message: answer.Message{Kind: x, Text: x, Matter: x, Answer: x, Name: x, Contact: x, ID: x}}), nil, inert)
		holds(t, written(t, p.LookUp, web.LookUp{Number: x, Problem: x, Found: &answer.MessageStatus{Number: x, Kind: x, Text: x, Matter: x,
			Replies: []answer.MessageReply{{Agency: x, Text: x}}}}), nil, inert)
		holds(t, written(t, p.Received, web.Received{Kind: x, Receipt: answer.Receipt{Number: x, Code: x}}), nil, inert)
		holds(t, written(t, p.Search, web.Search{Text: x, Theme: corpus.Theme(x), Audience: corpus.Audience(x), Problem: x}), nil, inert)
		holds(t, written(t, p.Search, web.Search{Text: x, Themes: []answer.ThemeCount{{Name: corpus.Theme(x)}},
			Found: answer.SearchPage{Matters: []answer.MatterRef{{Code: x, Name: x, Agency: x, Region: x}}, Next: x, Total: 1}}), nil, inert)
		holds(t, written(t, p.Matter, web.Matter{Guide: guide, Address: "https://a.example/" + url.PathEscape(x), Around: answer.Around{Situations: []answer.MatterRef{{Code: x, Name: x}},
			Next:    []answer.Recommendation{{Code: x, Name: x, Reason: x}},
			Related: []answer.MatterRef{{Code: x, Name: x, Agency: x}}, Events: []answer.LifeEvent{{ID: x, Name: x}}}}), nil, inert)
		holds(t, written(t, p.Widget, web.Widget{Origin: x}), nil, inert)
	}
}

// written is what a page's method writes.
func written[V any](t *testing.T, write func(io.Writer, V) error, v V) string {
	t.Helper()
	var page strings.Builder
	if err := write(&page, v); err != nil {
		t.Fatal(err)
	}
	return page.String()
}
