package web_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/web"
)

var shots = flag.String("shots", "", "folder for pictures of the pages")

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

func findChromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no browser on PATH: apt-get install chromium fonts-noto-cjk"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// A browser is one window of the browser that the tests share.
type browser struct {
	*testing.T
	ctx  context.Context
	base string

	mu   sync.Mutex
	said []string // errors on the console and exceptions
}

func startBrowser(t *testing.T) context.Context {
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findChromium(t)),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-software-rasterizer", true), chromedp.Flag("disable-site-isolation-trials", true))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(alloc)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("browser: %v", err)
	}
	return ctx
}

// open opens a page in a fresh window of the given size, with cookies and
// storage of its own.
func open(parent context.Context, t *testing.T, base, path string, width, height int64) *browser {
	t.Helper()
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	b := &browser{T: t, ctx: ctx, base: base}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		t.Fatalf("browser: %v", err)
	}
	b.size(width, height)
	b.light()
	b.visit(path)
	return b
}

func (b *browser) size(width, height int64) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
}

func (b *browser) dark()  { b.Helper(); b.scheme("dark") }
func (b *browser) light() { b.Helper(); b.scheme("light") }

func (b *browser) scheme(name string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		// Without motion the page is still as soon as it has scrolled.
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}})
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
}

func (b *browser) listen(ev any) {
	var said string
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		said = fmt.Sprint("exception: ", ev.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" || ev.Type == "warning" {
			said = fmt.Sprint("console: ", ev.Args)
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level == log.EntryLevelError {
			said = ev.Entry.Text + " " + ev.Entry.URL
		}
	}
	if said != "" {
		b.mu.Lock()
		b.said = append(b.said, said)
		b.mu.Unlock()
	}
}

// quiet checks that nothing went wrong on the console so far.
func (b *browser) quiet() {
	b.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff([]string(nil), b.said); diff != "" {
		b.Errorf("the console has errors (-want +got):\n%s", diff)
	}
}

func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatalf("browser: %v", err)
	}
}

func (b *browser) visit(path string) {
	b.Helper()
	b.run(chromedp.Navigate(b.base + path))
}

func (b *browser) click(selector string) {
	b.Helper()
	b.run(chromedp.Click(chromedp.CSS(selector)))
}

// do runs a script, eval gives back what one comes to.
func (b *browser) do(js string) {
	b.Helper()
	b.run(chromedp.Evaluate[chromedp.Void](js))
}

func eval[T any](b *browser, js string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.Fatalf("browser: %s: %v", js, err)
	}
	return v
}

// until waits until an expression is true. It asks again and again from
// outside: the page may be left for the next one meanwhile, and with scripts
// switched off it has no timers.
func (b *browser) until(js string) {
	b.Helper()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for range 400 {
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+js+")")); err == nil && ok {
			return
		}
		<-tick.C
	}
	b.Fatalf("never true: %s\n%s", js, b.text("main"))
}

func (b *browser) text(selector string) string {
	b.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

func (b *browser) is(js string) {
	b.Helper()
	if !eval[bool](b, js) {
		b.Errorf("not true: %s", js)
	}
}

// keys types keys one after the other, wherever the focus is.
func (b *browser) keys(keys ...string) {
	b.Helper()
	b.run(chromedp.KeyEvent(strings.Join(keys, "")))
}

func (b *browser) ask(q string) {
	b.Helper()
	b.do("document.getElementById('q').focus()")
	b.keys(q, kb.Enter)
}

// say asks at once, without keys.
func (b *browser) say(q string) {
	b.Helper()
	b.until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.do(fmt.Sprintf("document.getElementById('q').value = %q; document.getElementById('ask').requestSubmit()", q))
}

// shoot keeps a picture of the window if pictures are wanted.
func (b *browser) shoot(name string) {
	b.Helper()
	if *shots == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.Fatalf("browser: %v", err)
	}
	if err := os.WriteFile(filepath.Join(*shots, name+".png"), png, 0o644); err != nil {
		b.Fatal(err)
	}
}

const (
	oneAnswer   = "document.querySelectorAll('#log .card').length === 1"
	twoAnswers  = "document.querySelectorAll('#log .card').length === 2"
	fitsItsPage = "document.documentElement.scrollWidth <= innerWidth"
)

func TestBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("browser tests are slow")
	}
	parent := startBrowser(t)
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
	b.until("document.activeElement.id === 'q'")
	b.is("scrollY === 0")
	b.ask("居住证要什么材料")
	b.until(oneAnswer)
	for _, want := range []string{"需要以下3项材料", "居民身份证", "8个工作日", "更新日期：2026-05-12", "居住证签注"} {
		if got := b.text("#log .card"); !strings.Contains(got, want) {
			t.Errorf("the card lacks %q:\n%s", want, got)
		}
	}
	b.is("document.activeElement.id === 'q'")
	b.is("document.querySelector('#log').getAttribute('aria-live') === 'polite'")
	b.is("!document.querySelector('#sample').hidden")
	b.is("[...document.querySelectorAll('#log a')].every(a => /^(https?|tel):/.test(a.href))")
	b.is("document.querySelector('#log a[href=\"tel:09005550101\"]') !== null")
	b.is(fitsItsPage)
	b.keys("那要几天", kb.Enter)
	b.until(twoAnswers)
	got := e.requests()
	if len(got) != 2 || got[1].State != "state-1" {
		t.Errorf("requests = %+v, want the second to carry the state of the first answer", got)
	}
	b.quiet()
}

func testSuggestions(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.do("document.getElementById('q').focus()")
	b.keys("居住")
	b.until("document.getElementById('q').getAttribute('aria-expanded') === 'true'")
	b.is("scrollY === 0")
	b.keys(kb.ArrowDown, kb.ArrowDown)
	b.is("document.getElementById('q').getAttribute('aria-activedescendant') === 'hint1'")
	b.shoot("suggest-360")
	b.keys(kb.ArrowUp, kb.Enter)
	b.until(oneAnswer)
	if got := e.requests(); len(got) != 1 || got[0].Text != "居住证要什么材料" {
		t.Errorf("requests = %+v, want the first suggestion", got)
	}
	b.keys("居住")
	b.until("!document.getElementById('hints').hidden")
	b.keys(kb.Escape)
	b.is("document.getElementById('hints').hidden && document.getElementById('q').value === '居住'")
	b.quiet()
}

func testLarge(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 360, 740)
	b.until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.click("#elder")
	b.is("parseFloat(getComputedStyle(document.body).fontSize) >= 20")
	b.is("document.getElementById('elder').getAttribute('aria-pressed') === 'true'")
	b.run(chromedp.Reload())
	b.is("document.documentElement.classList.contains('large')")
	b.is("localStorage.getItem('large') === '1'")
	b.is(fitsItsPage)
	b.ask("我要落户")
	b.until(oneAnswer)
	b.click("#log .choice")
	b.until(twoAnswers)
	b.is(fitsItsPage)
	b.is("document.querySelector('.call').href === 'tel:12345' && document.querySelector('.call').getBoundingClientRect().height >= 60")
	b.is("document.querySelector('#log .turn:last-child .speak').getBoundingClientRect().width > innerWidth / 2")
	b.is("[...document.querySelectorAll('#log .more')].every((e) => !e.checkVisibility())")
	b.visit("/message")
	b.is("document.documentElement.classList.contains('large')")
	b.do("document.getElementById('text').value = '几点开门'")
	b.click("#letter .btn.main")
	b.until("document.getElementById('number') !== null")
	b.is(fitsItsPage)
	b.shoot("received-360-large")
	b.quiet()
}

func testError(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.ask("出错")
	b.until("document.querySelector('#log .sorry') !== null")
	if got := b.text("#log .sorry"); !strings.Contains(got, "再试") {
		t.Errorf("the page says %q", got)
	}
	b.shoot("error-360")
	b.click("#log .sorry button")
	b.until("document.querySelector('#log .sorry') !== null && !document.getElementById('send').hidden")
	if n := len(e.requests()); n != 2 {
		t.Errorf("%d requests, want the second by 再试一次", n)
	}
	b.quiet()
}

func testStop(parent context.Context, t *testing.T) {
	slow := make(chan struct{})
	defer close(slow)
	b := open(parent, t, serve(t, &engine{known: answers(), slow: slow}), "/", 360, 740)
	b.ask("慢慢来")
	b.until("!document.getElementById('stop').hidden && document.querySelector('#pending .wait') !== null")
	b.shoot("waiting-360")
	b.click("#stop")
	b.until("document.querySelector('#log .sorry')?.innerText.includes('已停止')")
	b.is("document.activeElement.id === 'q' && document.getElementById('stop').hidden")
	b.quiet()
}

func testRating(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/?q=%E5%B1%85%E4%BD%8F%E8%AF%81%E8%A6%81%E4%BB%80%E4%B9%88%E6%9D%90%E6%96%99", 360, 740)
	b.until("document.querySelector('.copy') !== null")
	b.click(".rate summary")
	b.click(`.rate input[value="信息过期"]`)
	b.click(`.rate [value="-1"]`)
	b.until("document.querySelector('#log [role=status]')?.innerText.includes('谢谢')")
	want := []answer.Feedback{{Answer: "ans1", Rating: -1, Reasons: []string{"信息过期"}}}
	if diff := cmp.Diff(want, e.feedbacks()); diff != "" {
		t.Errorf("feedback (-want +got):\n%s", diff)
	}
	b.quiet()
}

// testOldBrowser: Safari before 15.4 has no SubmitEvent.submitter.
func testOldBrowser(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/about", 360, 740)
	b.before("Object.defineProperty(SubmitEvent.prototype, 'submitter', { get() { return undefined; } })")
	b.visit("/?q=" + url.QueryEscape("我要落户"))
	b.until("document.getElementById('q').getAttribute('role') === 'combobox'")
	b.click(`#log [name=pick]`)
	b.until(twoAnswers)
	b.ask("那要几天")
	b.until("document.querySelectorAll('#log .card').length === 3")
	b.click(`#log .turn:last-child .rate [value="1"]`)
	b.until("document.querySelector('#log [role=status]')?.innerText.includes('谢谢')")
	if got := e.requests(); len(got) != 3 || got[1].Text != "出生登记怎么办" || got[2].Text != "那要几天" {
		t.Errorf("requests = %+v", got)
	}
	if got := e.feedbacks(); len(got) != 1 || got[0].Rating != 1 {
		t.Errorf("feedback = %+v", got)
	}
	b.quiet()
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
		b.until(oneAnswer)
		b.is("document.title !== 'hit' && document.querySelectorAll('#log img, #log script').length === 0")
		b.is("[...document.querySelectorAll('#log a')].every(a => ['http:', 'https:', 'tel:'].includes(a.protocol))")
		b.is("document.querySelectorAll('#log .row:not(.kit) .btn').length === 1")
		b.is(fitsItsPage)
		b.quiet()
	}
}

func testHistory(parent context.Context, t *testing.T) {
	b := open(parent, t, serve(t, &engine{known: answers()}), "/", 768, 900)
	b.ask("我要落户")
	b.until(oneAnswer)
	b.run(chromedp.Reload())
	b.until(oneAnswer)
	b.is("document.querySelector('#ask [name=state]').value === 'state-3'")
	b.is("document.getElementById('welcome').hidden")
	b.click("#home")
	b.is("!document.getElementById('welcome').hidden")
	b.click("#clear")
	b.is("document.querySelectorAll('#log .turn').length === 0 && sessionStorage.length === 0 && !document.getElementById('welcome').hidden")
	b.quiet()
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
		b.visit("/")
		b.say(q)
		b.until(oneAnswer)
		byScript := eval[string](b, content)
		b.do("sessionStorage.clear()")
		b.visit("/?q=" + url.QueryEscape(q))
		b.until(oneAnswer)
		byTemplate := eval[string](b, content)
		if diff := cmp.Diff(byTemplate, byScript); diff != "" {
			t.Errorf("%s (-template +script):\n%s", q, diff)
		}
	}
	b.quiet()
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
			b.visit(path + "&large=" + large)
			sizes := []int64{320} // what fits the narrowest fits all, as far as there is no other layout
			if large == "0" {
				sizes = []int64{320, 768}
			}
			if *shots != "" {
				sizes = []int64{320, 360, 768, 1440}
			}
			least := map[string]int{"0": 44, "1": 60}[large]
			if bad := eval[[]string](b, fmt.Sprintf("(%s)(%d)", smallTargets, least)); len(bad) > 0 {
				t.Errorf("%s%s: smaller than %d px: %q", name, suffix, least, bad)
			}
			if large == "1" {
				b.is("parseFloat(getComputedStyle(document.body).fontSize) >= 18 && document.querySelector('.call').checkVisibility()")
			}
			for _, w := range sizes {
				b.size(w, 1200)
				if !eval[bool](b, fitsItsPage) {
					t.Errorf("%s%s scrolls sideways at %d px", name, suffix, w)
				}
				b.shoot(fmt.Sprintf("%s-%d%s", name, w, suffix))
			}
		}
		if *shots != "" {
			b.size(360, 1200)
			b.dark()
			b.shoot(name + "-360-dark")
			b.light()
		}
	}
}
