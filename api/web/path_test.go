package web_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
)

// testKeyboard asks, chooses, saves, and leaves a message without a pointer.
func testKeyboard(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/", 360, 740)
	b.ask("我要落户")
	b.Until(oneAnswer)
	b.TabTo("投靠亲属落户")
	b.Keys(kb.Enter)
	b.Until(twoAnswers)
	got := e.requests()
	if len(got) != 2 || got[1].Text != "投靠落户怎么办" || got[1].State != "state-3" {
		t.Errorf("requests = %+v, want the option's question with the state", got)
	}
	b.TabTo("收藏")
	b.Keys(" ")
	b.Is("document.activeElement.textContent === '已收藏' && document.activeElement.getAttribute('aria-pressed') === 'true'")
	b.Visit("/message")
	b.Until("!document.getElementById('letter-state').matches(':not([hidden])')")
	b.TabTo("text")
	b.Keys("大厅里多放几把椅子")
	b.TabTo("提交留言")
	b.Keys(kb.Enter)
	b.Until("document.getElementById('number')?.textContent === '4821 0395 7716'")
	if n := len(e.letters()); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	b.Quiet()
}

// testNoScript goes the whole way with JavaScript switched off.
func testNoScript(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/about", 360, 740)
	b.NoScript()
	b.Visit("/")
	b.Is("document.getElementById('mic').hidden && document.getElementById('q').getAttribute('role') === null")
	b.Fill("#q", "我要落户")
	b.Click("#send")
	b.Until(oneAnswer)
	b.Fill("#q", "那要几天"+kb.Enter) // what is typed, and not the first choice
	b.Until("document.querySelector('#log .lead').textContent.includes('8个工作日')")
	if got := e.requests(); len(got) != 2 || got[1].Text != "那要几天" {
		t.Errorf("requests = %+v, want what was typed", got)
	}
	b.Fill("#q", "我要落户")
	b.Click("#send")
	b.Until("document.querySelector('#log .choice') !== null")
	b.Click(`[name=pick][value="投靠落户怎么办"]`)
	b.Until("document.querySelector('#log .matter a') !== null")
	if got := e.requests(); len(got) != 4 || got[3].State != "state-3" {
		t.Errorf("requests = %+v, want the last to carry the state", got)
	}
	b.Click("#log .matter a")
	b.Until("document.querySelector('h1').textContent === '居住证申领'")
	b.Click(`.asks a[href^="/message"]`)
	b.Until("document.getElementById('letter') !== null")
	b.Fill("#text", "多放几把椅子")
	b.Click("#letter .btn.main")
	b.Until("document.getElementById('number')?.textContent === '4821 0395 7716'")
	b.Click(`a[href^="/message/look-up?number"]`)
	b.Until("document.getElementById('code')?.type === 'text'")
	b.Fill("#code", "3906 2215")
	b.Click(".form .btn.main")
	b.Until("document.querySelector('.reply') !== null")
	if want := []answer.Message{{Kind: "咨询", Text: "多放几把椅子", Matter: "AL/JZ 001"}}; len(e.letters()) != 1 || e.letters()[0].Text != want[0].Text || e.letters()[0].Matter != want[0].Matter {
		t.Errorf("messages %+v, want %+v", e.letters(), want)
	}
	b.Quiet()
}

// A cutter stands between browser and server and breaks replies to questions:
// as many as there are marks, each right after its mark has passed.
type cutter struct {
	proxy *httputil.ReverseProxy
	marks []string
	seen  chan struct{} // closed when the browser has seen what came before the cut
	asked atomic.Int32
}

func newCutter(t *testing.T, base string, marks ...string) (string, *cutter) {
	t.Helper()
	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{marks: marks, seen: make(chan struct{}), proxy: &httputil.ReverseProxy{FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Accept-Encoding", "identity")
		}}}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	return s.URL, c
}

func (c *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(c.asked.Load())
	if r.URL.Path == "/api/v1/ask" {
		n = int(c.asked.Add(1)) - 1
	}
	if r.URL.Path != "/api/v1/ask" || n >= len(c.marks) {
		c.proxy.ServeHTTP(w, r)
		return
	}
	c.proxy.ServeHTTP(&breaking{ResponseWriter: w, mark: c.marks[n], seen: c.seen}, r)
}

// breaking is a response that ends the connection once mark has passed.
type breaking struct {
	http.ResponseWriter
	mark string
	sent string
	seen <-chan struct{}
}

// Unwrap lets the proxy flush.
func (b *breaking) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *breaking) Write(p []byte) (int, error) {
	b.sent += string(p)
	at := strings.Index(b.sent, b.mark)
	if at < 0 {
		return b.ResponseWriter.Write(p)
	}
	left := max(0, at+len(b.mark)-(len(b.sent)-len(p)))
	if _, err := b.ResponseWriter.Write(p[:left]); err != nil {
		return 0, err
	}
	if err := http.NewResponseController(b.ResponseWriter).Flush(); err != nil {
		return 0, err
	}
	<-b.seen
	panic(http.ErrAbortHandler)
}

// testCut: a stream that ends before its card is asked for again, one that
// ends after it has said all that counts.
func testCut(parent context.Context, t *testing.T) {
	for _, tt := range []struct {
		why   string
		marks []string
		asked int32
	}{
		{"before anything", []string{": ok"}, 2},
		{"in the middle of the card, twice", []string{`"outcome":"ans`, `"outcome":"ans`}, 3},
		{"after the card", []string{"event: delta"}, 1},
	} {
		e := &engine{known: answers()}
		base, c := newCutter(t, serve(t, e), tt.marks...)
		b := open(parent, t, base, "/", 360, 740)
		b.say("居住证要什么材料")
		if tt.asked == 1 {
			b.Until("document.querySelector('#pending .facts') !== null")
		}
		close(c.seen)
		b.Until(oneAnswer)
		if got := b.Text("#log .card"); !strings.Contains(got, "居民身份证") || c.asked.Load() != tt.asked {
			t.Errorf("%s: asked %d times, want %d; the card says %q", tt.why, c.asked.Load(), tt.asked, got)
		}
		b.Is("document.querySelector('#ask [name=state]').value === 'state-1' && sessionStorage.getItem('asking') === null")
	}
}

// testStall: where a stream is held back the answer is fetched in one piece.
func testStall(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	target, err := url.Parse(serve(t, e))
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	held := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept"), "event-stream") {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done() // a proxy that waits for the end of the stream
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(held.Close)
	b := open(parent, t, held.URL, "/about", 360, 740)
	b.Before("{ const real = setTimeout; window.setTimeout = (f, ms, ...a) => real(f, ms > 5000 ? 100 : ms, ...a); }")
	b.Visit("/")
	b.say("居住证要什么材料")
	b.Until(oneAnswer)
	if got := e.requests(); len(got) != 1 {
		t.Errorf("the engine was asked %d times, want once", len(got))
	}
}

// testRestart: the server goes away while a question is under way and comes
// back; the question is answered without a touch.
func testRestart(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	base, stop := serveAt(t, e, "127.0.0.1:0")
	b := open(parent, t, base, "/", 360, 740)
	b.Until("document.getElementById('q').getAttribute('role') === 'combobox'")
	stop()
	b.say("居住证要什么材料")
	b.Until("document.querySelector('#pending .wait')?.textContent.includes('已经记下')")
	b.Is("document.querySelector('#pending a[href=\"tel:12345\"]') !== null && sessionStorage.getItem('asking') === '居住证要什么材料'")
	b.Shoot("offline-360")
	again, end := serveAt(t, e, strings.TrimPrefix(base, "http://"))
	t.Cleanup(end)
	b.Until(oneAnswer)
	b.Is("document.querySelector('#log .sorry') === null")
	if again != base {
		t.Fatalf("served at %s, want %s", again, base)
	}

	// A page that was lost with its question takes it up again.
	b.Do("sessionStorage.setItem('asking', '那要几天')")
	b.Visit("/")
	b.Until(twoAnswers)
	if got := e.requests(); len(got) != 2 || got[1].Text != "那要几天" {
		t.Errorf("requests = %+v", got)
	}
}

// testMessage: what was written survives a lost network, a reload and a
// double sending, and is kept once.
func testMessage(parent context.Context, t *testing.T) {
	e := &engine{known: answers()}
	b := open(parent, t, serve(t, e), "/message?matter=AL%2FJZ%20001", 360, 740)
	write := func(text string) {
		b.Do(fmt.Sprintf("document.getElementById('text').focus(); document.getElementById('text').value = %q; document.getElementById('text').dispatchEvent(new Event('input', {bubbles: true}))", text))
	}
	write("写了一半")
	b.Visit("/message?matter=AL%2FJZ%20001")
	b.Until("document.getElementById('text').value === '写了一半'")
	write("窗口排队太久<b>")
	b.Offline(true)
	b.Click("#letter .btn.main")
	b.Until("document.getElementById('letter-state').textContent.includes('不会重复')")
	b.Shoot("message-offline-360")
	b.Offline(false)
	b.Until("document.getElementById('number')?.textContent === '4821 0395 7716'")
	b.Is("localStorage.getItem('draft') === null")
	b.Shoot("received-360")
	want := []answer.Message{{Kind: "咨询", Text: "窗口排队太久<b>", Matter: "AL/JZ 001"}}
	got := e.letters()
	for i := range got {
		got[i].ID = ""
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	b.Visit("/message")
	b.Click("#letter .btn.main")
	b.Until("document.querySelector('#text[aria-invalid=true]') !== null")
	b.Shoot("message-fault-360")
}
