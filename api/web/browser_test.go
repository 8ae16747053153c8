package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/browsertest"
	"github.com/govqa/govqa/api/web"
)

// serve serves the pages and the API over an engine until the test ends, and
// returns the address.
func serve(t *testing.T, e *engine) string {
	t.Helper()
	base, stop := serveAt(t, e, "127.0.0.1:0")
	t.Cleanup(stop)
	return base
}

// onePages are the pages that all servers of the tests write.
var onePages = sync.OnceValues(func() (*web.Pages, error) { return web.New(web.Options{}) })

// serveAt serves at an address until stop is called.
func serveAt(t *testing.T, e *engine, addr string, change ...func(*api.Config)) (base string, stop func()) {
	t.Helper()
	pages, err := onePages()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	cfg := api.Config{Pages: api.CitizenPages(pages, log), AsksPerMinute: -1}
	for _, c := range change {
		c(&cfg)
	}
	s, err := api.New(cfg, e, log)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Listen(ln) }()
	return "http://" + ln.Addr().String(), func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	}
}

// A browser is a window on the pages.
type browser struct{ *browsertest.Window }

// open opens a page in a fresh window of the given size.
func open(parent context.Context, t *testing.T, base, path string, width, height int64) browser {
	t.Helper()
	return browser{browsertest.Open(parent, t, base, path, width, height)}
}

func (b browser) ask(q string) {
	b.Helper()
	b.Do("document.getElementById('q').focus()")
	b.Keys(q, kb.Enter)
}

// say asks at once, without keys.
func (b browser) say(q string) {
	b.Helper()
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.Do(fmt.Sprintf("document.getElementById('q').value = %q; document.getElementById('ask').requestSubmit()", q))
}

const (
	oneAnswer  = "document.querySelectorAll('#log .card').length === 1"
	twoAnswers = "document.querySelectorAll('#log .card').length === 2"
)

func TestBrowser(t *testing.T) {
	parent := browsertest.Start(t)
	t.Run("the first load keeps its budget", func(t *testing.T) { testLoad(parent, t) }) // alone: it measures time
	for _, tt := range []struct {
		why  string
		test func(context.Context, *testing.T)
	}{
		{"a question typed and sent with Enter", testAsk},
		{"the whole path by keyboard alone", testKeyboard},
		{"the whole path without JavaScript", testNoScript},
		{"the stream is cut in the middle", testCut},
		{"the stream stalls", testStall},
		{"the server is restarted in the middle", testRestart},
		{"a message outlives a lost network", testMessage},
		{"the device remembers and forgets", testDevice},
		{"a region named in the question", testGuessedRegion},
		{"personal recommendations only by consent", testConsent},
		{"voice in and out", testVoice},
		{"traditional characters", testHant},
		{"the widget in allowed frames only", testWidget},
		{"nothing serious for axe", testAxe},
		{"suggestions by keyboard", testSuggestions},
		{"large type is remembered", testLarge},
		{"an error offers another try", testError},
		{"a question is stopped", testStop},
		{"an answer is rated", testRating},
		{"a browser that does not say which button sent a form", testOldBrowser},
		{"payloads in an answer stay text", testPayloads},
		{"history survives a reload and can be cleared", testHistory},
		{"script and template make the same card", testSameCard},
		{"every page fits every window and finger", testWidths},
	} {
		t.Run(tt.why, func(t *testing.T) {
			t.Parallel()
			tt.test(parent, t)
		})
	}
}

func testAsk(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.Until("document.activeElement.id === 'q'")
	b.Is("scrollY === 0")
	b.ask("居住证要什么材料")
	b.Until(oneAnswer)
	for _, want := range []string{"需要以下3项材料", "居民身份证", "8个工作日", "更新日期：2026-05-12", "居住证签注"} {
		if got := b.Text("#log .card"); !strings.Contains(got, want) {
			t.Errorf("the card lacks %q:\n%s", want, got)
		}
	}
	b.Is("document.activeElement.id === 'q'")
	b.Is("document.querySelector('#log').getAttribute('aria-live') === 'polite'")
	b.Is("!document.querySelector('#sample').hidden")
	b.Is("[...document.querySelectorAll('#log a')].every(a => /^(https?|tel):/.test(a.href))")
	b.Is("document.querySelector('#log a[href=\"tel:09005550101\"]') !== null")
	b.Is(browsertest.FitsItsPage)
	b.Keys("那要几天", kb.Enter)
	b.Until(twoAnswers)
	got := e.requests()
	if len(got) != 2 || got[1].State != "state-1" {
		t.Errorf("requests = %+v, want the second to carry the state of the first answer", got)
	}
	b.Quiet()
}

func testSuggestions(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.Do("document.getElementById('q').focus()")
	b.Keys("居住")
	b.Until("document.getElementById('q').getAttribute('aria-expanded') === 'true'")
	b.Is("scrollY === 0")
	b.Keys(kb.ArrowDown, kb.ArrowDown)
	b.Is("document.getElementById('q').getAttribute('aria-activedescendant') === 'hint1'")
	b.Shoot("suggest-360")
	b.Keys(kb.ArrowUp, kb.Enter)
	b.Until(oneAnswer)
	if got := e.requests(); len(got) != 1 || got[0].Text != "居住证要什么材料" {
		t.Errorf("requests = %+v, want the first suggestion", got)
	}
	b.Keys("居住")
	b.Until("!document.getElementById('hints').hidden")
	b.Keys(kb.Escape)
	b.Is("document.getElementById('hints').hidden && document.getElementById('q').value === '居住'")
	b.Quiet()
}

func testLarge(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 360, 740)
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.Click("#elder")
	b.Is("parseFloat(getComputedStyle(document.body).fontSize) >= 20")
	b.Is("document.getElementById('elder').getAttribute('aria-pressed') === 'true'")
	b.Reload()
	b.Is("document.documentElement.classList.contains('large')")
	b.Is("localStorage.getItem('large') === '1'")
	b.Is(browsertest.FitsItsPage)
	b.ask("我要落户")
	b.Until(oneAnswer)
	b.Click("#log .choice")
	b.Until(twoAnswers)
	b.Is(browsertest.FitsItsPage)
	b.Is("document.querySelector('.call').href === 'tel:12345' && document.querySelector('.call').getBoundingClientRect().height >= 60")
	b.Is("document.querySelector('#log .turn:last-child .speak').getBoundingClientRect().width > innerWidth / 2")
	b.Is("[...document.querySelectorAll('#log .more')].every((e) => !e.checkVisibility())")
	b.Visit("/message")
	b.Is("document.documentElement.classList.contains('large')")
	b.Do("document.getElementById('text').value = '几点开门'")
	b.Click("#letter .btn.main")
	b.Until("document.getElementById('number') !== null")
	b.Is(browsertest.FitsItsPage)
	b.Shoot("received-360-large")
	b.Quiet()
}

func testError(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.ask("出错")
	b.Until("document.querySelector('#log .sorry') !== null")
	if got := b.Text("#log .sorry"); !strings.Contains(got, "再试") {
		t.Errorf("the page says %q", got)
	}
	b.Shoot("error-360")
	b.Click("#log .sorry button")
	b.Until("document.querySelector('#log .sorry') !== null && !document.getElementById('send').hidden")
	if n := len(e.requests()); n != 2 {
		t.Errorf("%d requests, want the second by 再试一次", n)
	}
	b.Quiet()
}

func testStop(parent context.Context, t *testing.T) {
	slow := make(chan struct{})
	defer close(slow)
	b := open(parent, t, serve(t, &engine{known: answers(), slow: slow}), "/", 360, 740)
	b.ask("慢慢来")
	b.Until("!document.getElementById('stop').hidden && document.querySelector('#pending .wait') !== null")
	b.Shoot("waiting-360")
	b.Click("#stop")
	b.Until("document.querySelector('#log .sorry')?.innerText.includes('已停止')")
	b.Is("document.activeElement.id === 'q' && document.getElementById('stop').hidden")
	b.Quiet()
}

func testRating(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/?q=%E5%B1%85%E4%BD%8F%E8%AF%81%E8%A6%81%E4%BB%80%E4%B9%88%E6%9D%90%E6%96%99", 360, 740)
	b.Until("document.querySelector('.copy') !== null")
	b.Click(".rate summary")
	b.Click(`.rate input[value="信息过期"]`)
	b.Click(`.rate [value="-1"]`)
	b.Until("document.querySelector('#log [role=status]')?.innerText.includes('谢谢')")
	want := []answer.Feedback{{Answer: "ans1", Rating: -1, Reasons: []string{"信息过期"}}}
	if diff := cmp.Diff(want, e.feedbacks()); diff != "" {
		t.Errorf("feedback (-want +got):\n%s", diff)
	}
	b.Quiet()
}

// testOldBrowser: Safari before 15.4 has no SubmitEvent.submitter.
func testOldBrowser(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/about", 360, 740)
	b.Before("Object.defineProperty(SubmitEvent.prototype, 'submitter', { get() { return undefined; } })")
	b.Visit("/?q=" + url.QueryEscape("我要落户"))
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.Click(`#log [name=pick]`)
	b.Until(twoAnswers)
	b.ask("那要几天")
	b.Until("document.querySelectorAll('#log .card').length === 3")
	b.Click(`#log .turn:last-child .rate [value="1"]`)
	b.Until("document.querySelector('#log [role=status]')?.innerText.includes('谢谢')")
	if got := e.requests(); len(got) != 3 || got[1].Text != "出生登记怎么办" || got[2].Text != "那要几天" {
		t.Errorf("requests = %+v", got)
	}
	if got := e.feedbacks(); len(got) != 1 || got[0].Rating != 1 {
		t.Errorf("feedback = %+v", got)
	}
	b.Quiet()
}

func testPayloads(parent context.Context, t *testing.T) {
	const x = `<img src=x onerror="document.title='hit'"><script>document.title='hit'</script>`
	a := answer.Answer{
		ID: "1", Outcome: answer.Answered, Text: x, Matters: []answer.MatterRef{{Code: x, Name: x, Agency: x, Region: x}},
		Facts:   []answer.Fact{{Code: x, Field: "condition", Label: x, Value: x, Source: answer.FactSource{URL: "javascript:alert(1)", Updated: x}}},
		Options: []answer.Option{{Label: x, Text: x}}, Recommendations: []answer.Recommendation{{Code: x, Name: x, Reason: x}},
		Actions: []answer.Action{{Label: x, URL: "JaVaScRiPt:alert(1)"}, {Label: x, URL: "data:text/html,x"}, {Label: x, URL: "https://a.example/"}},
	}
	for _, path := range []string{"/", "/?q=x"} {
		b := open(parent, t, serve(t, &engine{known: map[string]answer.Answer{"x": a}}), path, 360, 740)
		if path == "/" {
			b.ask("x")
		}
		b.Until(oneAnswer)
		b.Is("document.title !== 'hit' && document.querySelectorAll('#log img, #log script').length === 0")
		b.Is("[...document.querySelectorAll('#log a')].every(a => ['http:', 'https:', 'tel:'].includes(a.protocol))")
		b.Is("document.querySelectorAll('#log .row:not(.kit) .btn').length === 1")
		b.Is(browsertest.FitsItsPage)
		b.Quiet()
	}
}

func testHistory(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 768, 900)
	b.ask("我要落户")
	b.Until(oneAnswer)
	b.Reload()
	b.Until(oneAnswer)
	b.Is("document.querySelector('#ask [name=state]').value === 'state-3'")
	b.Is("document.getElementById('welcome').hidden")
	b.Click("#home")
	b.Is("!document.getElementById('welcome').hidden")
	b.Click("#clear")
	b.Is("document.querySelectorAll('#log .turn').length === 0 && sessionStorage.length === 0 && !document.getElementById('welcome').hidden")
	b.Quiet()
}

// testSameCard holds the script to the templates: for every outcome both
// write the same words and links.
func testSameCard(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	base := serve(t, e)
	const content = `(() => {
		const card = document.querySelector('#log .card');
		card.querySelectorAll('.kit, .place-note').forEach((b) => b.remove());
		const flat = (s) => s.replace(/\s+/g, '');
		return flat(card.textContent) + ' ' + [...card.querySelectorAll('a')].map((a) => a.href).join(' ') + ' ' + card.className;
	})()`
	b := open(parent, t, base, "/", 360, 740)
	for q := range e.known {
		b.Visit("/")
		b.say(q)
		b.Until(oneAnswer)
		byScript := browsertest.Eval[string](b.Window, content)
		b.Do("sessionStorage.clear()")
		b.Visit("/?q=" + url.QueryEscape(q))
		b.Until(oneAnswer)
		byTemplate := browsertest.Eval[string](b.Window, content)
		if diff := cmp.Diff(byTemplate, byScript); diff != "" {
			t.Errorf("%s (-template +script):\n%s", q, diff)
		}
	}
	b.Quiet()
}

// smallTargets lists what a finger has to hit and is lower than least pixels.
const smallTargets = `(min) => [...document.querySelectorAll('button:not(.hide), select, summary, input:not([type=hidden]):not([type=checkbox]):not([type=radio]), a.btn, a.chip, .choice, a.elder, a.call, .nav a, .foot a, .hot a, .list a, .tile, .tick, .kinds span, .merged label, .checks label, .rate label')]
		.filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < min - .5)
		.map((e) => e.tagName + '.' + e.className + ' ' + e.textContent.trim().slice(0, 12) + ' ' + e.getBoundingClientRect().height)`

// testWidths: every page fits every window, and what a finger must hit has
// 44 px, and 60 px in large type, where the text has 18 px and more.
func testWidths(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 360, 800)
	pages := map[string]string{"home": "/?", "answer": "/?q=居住证要什么材料", "choose": "/?q=我要落户", "notfound": "/?q=去月球",
		"emergency": "/?q=家里着火了", "failed": "/?q=出错", "matter": "/matters/AL%2FJZ%20001?", "missing": "/matters/none?",
		"search": "/search?q=居住证", "themes": "/search?", "nothing": "/search?q=去月球", "about": "/about?", "llm": "/?q=要收费吗",
		"events": "/events?", "noevents": "/events?region=990121", "event": "/events/AL-B-1?", "leave": "/message?matter=AL%2FJZ%20001", "lookup": "/message/look-up?", "widget": "/widget?"}
	for name, path := range pages {
		for large, suffix := range map[string]string{"0": "", "1": "-large"} {
			b.Visit(path + "&large=" + large)
			sizes := []int64{320} // what fits the narrowest fits all, as far as there is no other layout
			if large == "0" {
				sizes = []int64{320, 768}
			}
			if browsertest.Shooting() {
				sizes = []int64{320, 360, 768, 1440}
			}
			least := map[string]int{"0": 44, "1": 60}[large]
			if bad := browsertest.Eval[[]string](b.Window, fmt.Sprintf("(%s)(%d)", smallTargets, least)); len(bad) > 0 {
				t.Errorf("%s%s: smaller than %d px: %q", name, suffix, least, bad)
			}
			if large == "1" {
				b.Is("parseFloat(getComputedStyle(document.body).fontSize) >= 18 && document.querySelector('.call').checkVisibility()")
			}
			for _, w := range sizes {
				b.Size(w, 1200)
				if !browsertest.Eval[bool](b.Window, browsertest.FitsItsPage) {
					t.Errorf("%s%s scrolls sideways at %d px", name, suffix, w)
				}
				b.Shoot(fmt.Sprintf("%s-%d%s", name, w, suffix))
			}
		}
		if browsertest.Shooting() {
			b.Size(360, 1200)
			b.Dark()
			b.Shoot(name + "-360-dark")
			b.Light()
		}
	}
}
