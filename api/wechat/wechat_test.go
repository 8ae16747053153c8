package wechat

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
)

// The sample that the platform's documents give for encrypted callbacks.
const (
	sampleToken   = "QDG6eK"
	sampleKey     = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
	sampleCorp    = "wx5823bf96d3bd56c7"
	sampleEcho    = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
	sampleMessage = "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)

// A fakeEngine answers with a func.
type fakeEngine struct {
	Engine
	ask func(context.Context, answer.Request) (answer.Answer, error)
}

func (f fakeEngine) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	return f.ask(ctx, r)
}

// echo answers with the question.
func echo(_ context.Context, r answer.Request) (answer.Answer, error) {
	return answer.Answer{Outcome: answer.Answered, Text: "您问：" + r.Text, State: r.State + "+"}, nil
}

// A phone is a person at a platform that posts to an account.
type phone struct {
	*Account
	t     *testing.T
	clock time.Time
	n     int
}

// newPhone makes an account; change changes its configuration.
func newPhone(t *testing.T, ask func(context.Context, answer.Request) (answer.Answer, error), change ...func(*Config)) *phone {
	t.Helper()
	s, err := store.Open(t.TempDir(), store.Options{Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p := &phone{t: t, clock: time.Date(2026, 5, 12, 8, 0, 0, 0, time.UTC)}
	cfg := Config{Kind: Official, ID: "wx0123456789abcdef", Token: "aToken", Key: bytes.Repeat([]byte("k"), 32), Engine: fakeEngine{ask: ask},
		Store: s, Now: func() time.Time { return p.clock }, Site: "https://wd.example.gov.cn"}
	for _, f := range change {
		f(&cfg)
	}
	if p.Account, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func encrypted(c *Config) { c.AESKey = sampleKey }
func wecom(c *Config)     { c.Kind, c.ID, c.AESKey = WeCom, sampleCorp, sampleKey }

// query signs as the platform does; sealed is the encrypted part, if any.
func (p *phone) query(sealed string) url.Values {
	at, nonce := strconv.FormatInt(p.clock.Unix(), 10), "1372623149"
	q := url.Values{"timestamp": {at}, "nonce": {nonce}}
	if p.Kind == Official {
		q.Set("signature", signature(p.Token, at, nonce))
	}
	if sealed != "" {
		q.Set("encrypt_type", "aes")
		q.Set("msg_signature", signature(p.Token, at, nonce, sealed))
	}
	return q
}

// text is a message in the documented form.
func (p *phone) text(from, content string) string {
	p.n++
	return fmt.Sprintf("<xml><ToUserName><![CDATA[%s]]></ToUserName><FromUserName><![CDATA[%s]]></FromUserName><CreateTime>%d</CreateTime>"+
		"<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[%s]]></Content><MsgId>%d</MsgId></xml>",
		p.ID, from, p.clock.Unix(), content, 1234567890123456+p.n)
}

// envelop encrypts a message if the account asks for it, and signs.
func (p *phone) envelop(message string) (url.Values, []byte) {
	if p.box == nil {
		return p.query(""), []byte(message)
	}
	sealed := p.box.seal([]byte(message))
	return p.query(sealed), []byte("<xml><ToUserName><![CDATA[" + p.ID + "]]></ToUserName><Encrypt><![CDATA[" + sealed + "]]></Encrypt></xml>")
}

// post sends a message and returns the text of the reply, "" for success.
func (p *phone) post(message string) string {
	p.t.Helper()
	q, body := p.envelop(message)
	resp, err := p.Receive(p.t.Context(), q, body)
	if err != nil {
		p.t.Fatalf("%v of %s", err, message)
	}
	return p.read(resp)
}

// read opens a reply as the platform does.
func (p *phone) read(resp Response) string {
	p.t.Helper()
	if string(resp.Body) == "success" {
		return ""
	}
	body := resp.Body
	if p.box != nil {
		var e struct {
			Encrypt, MsgSignature, Nonce string
			TimeStamp                    int64
		}
		if err := xml.Unmarshal(body, &e); err != nil {
			p.t.Fatal(err)
		}
		if want := signature(p.Token, strconv.FormatInt(e.TimeStamp, 10), e.Nonce, e.Encrypt); e.MsgSignature != want {
			p.t.Errorf("the reply is signed %s, want %s", e.MsgSignature, want)
		}
		var err error
		if body, err = p.box.open(e.Encrypt); err != nil {
			p.t.Fatal(err)
		}
	}
	var r struct {
		ToUserName, FromUserName, MsgType, Content string
		CreateTime                                 int64
	}
	if err := xml.Unmarshal(body, &r); err != nil {
		p.t.Fatalf("%v in %q", err, body)
	}
	if r.MsgType != "text" || r.FromUserName != p.ID || r.ToUserName == "" || r.CreateTime == 0 {
		p.t.Errorf("reply %+v", r)
	}
	if n := utf8.RuneCountInString(r.Content); n > maxReply || len(r.Content) > 2047 {
		p.t.Errorf("a reply of %d characters, %d bytes", n, len(r.Content))
	}
	return r.Content
}

func TestModes(t *testing.T) {
	for name, change := range map[string]func(*Config){"plain": func(*Config) {}, "encrypted": encrypted, "wecom": wecom} {
		t.Run(name, func(t *testing.T) {
			p := newPhone(t, func(ctx context.Context, r answer.Request) (answer.Answer, error) {
				r.Text += "]]>" // which would end a reply too early
				return echo(ctx, r)
			}, change)
			if got := p.post(p.text("oPerson", `<居住证>&"怎么办`)); got != `您问：<居住证>&"怎么办]]>` {
				t.Errorf("%q", got)
			}
		})
	}
}

// The platform's own sample opens, and its sample check of the address.
func TestDocumentedSample(t *testing.T) {
	p := newPhone(t, echo, wecom, func(c *Config) { c.Token = sampleToken })
	p.clock = time.Unix(1409659589, 0)
	resp, err := p.Verify(url.Values{"msg_signature": {"5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"}, "timestamp": {"1409659589"}, "nonce": {"263014780"}, "echostr": {sampleEcho}})
	if err != nil || string(resp.Body) != "1616140317555161061" {
		t.Errorf("echo %q, %v", resp.Body, err)
	}
	body := "<xml><ToUserName><![CDATA[" + sampleCorp + "]]></ToUserName><Encrypt><![CDATA[" + sampleMessage + "]]></Encrypt><AgentID><![CDATA[218]]></AgentID></xml>"
	m, err := p.Account.read(url.Values{"msg_signature": {"477715d11cdb4164915debcba66cb864d751f3e6"}, "timestamp": {"1409659813"}, "nonce": {"1372623149"}}, []byte(body))
	want := &message{To: sampleCorp, From: "mycreate", Created: 1409659813, Type: "text", ID: "4561255354251345929", Content: "hello"}
	if diff := cmp.Diff(want, m); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestVerify(t *testing.T) {
	p := newPhone(t, echo)
	q := p.query("")
	q.Set("echostr", "5927782489442352469")
	if resp, err := p.Verify(q); err != nil || string(resp.Body) != "5927782489442352469" {
		t.Errorf("%q, %v", resp.Body, err)
	}
	q.Set("signature", strings.Repeat("0", 40))
	if _, err := p.Verify(q); !errors.Is(err, ErrForged) {
		t.Errorf("a wrong signature: %v", err)
	}
}

func TestForgeries(t *testing.T) {
	for name, change := range map[string]func(*Config){"encrypted": encrypted, "wecom": wecom} {
		t.Run(name, func(t *testing.T) {
			p := newPhone(t, func(context.Context, answer.Request) (answer.Answer, error) {
				t.Error("a forged message was asked")
				return answer.Answer{}, nil
			}, change)
			other := newPhone(t, echo, change, func(c *Config) { c.ID = "wxSomebodyElse" })
			plain := p.text("oPerson", "居住证怎么办")
			tests := []struct {
				why  string
				with func() (url.Values, []byte)
				want error
			}{
				{"one bit of the message is changed", func() (url.Values, []byte) {
					q, body := p.envelop(plain)
					i := bytes.Index(body, []byte("<Encrypt><![CDATA[")) + 40
					body[i] = "AB"[bytes.IndexByte([]byte{body[i]}, 'A')+1]
					return q, body
				}, ErrForged},
				{"the signature is left out", func() (url.Values, []byte) {
					q, body := p.envelop(plain)
					q.Del("msg_signature")
					return q, body
				}, ErrForged},
				{"another time is written over the signed one", func() (url.Values, []byte) {
					q, body := p.envelop(plain)
					q.Set("timestamp", strconv.FormatInt(p.clock.Add(time.Second).Unix(), 10))
					return q, body
				}, ErrForged},
				{"it is an hour old", func() (url.Values, []byte) {
					q, body := p.envelop(plain)
					p.clock = p.clock.Add(time.Hour)
					return q, body
				}, ErrForged},
				{"it is of tomorrow", func() (url.Values, []byte) {
					p.clock = p.clock.Add(24 * time.Hour)
					q, body := p.envelop(plain)
					p.clock = p.clock.Add(-24 * time.Hour)
					return q, body
				}, ErrForged},
				{"it is not encrypted", func() (url.Values, []byte) { return p.query(""), []byte(plain) }, ErrForged},
				{"it is for another account", func() (url.Values, []byte) {
					other.clock = p.clock
					return other.envelop(plain)
				}, ErrForged},
				{"the encrypted part is no multiple of a block", func() (url.Values, []byte) {
					sealed := base64.StdEncoding.EncodeToString([]byte("short"))
					return p.query(sealed), []byte("<xml><Encrypt>" + sealed + "</Encrypt></xml>")
				}, ErrForged},
				{"the encrypted part is of zeroes", func() (url.Values, []byte) {
					sealed := base64.StdEncoding.EncodeToString(make([]byte, 64))
					return p.query(sealed), []byte("<xml><Encrypt>" + sealed + "</Encrypt></xml>")
				}, ErrForged},
				{"what is encrypted is no XML", func() (url.Values, []byte) {
					sealed := p.box.seal([]byte("hello"))
					return p.query(sealed), []byte("<xml><Encrypt>" + sealed + "</Encrypt></xml>")
				}, ErrBadXML},
				{"there is no time", func() (url.Values, []byte) {
					q, body := p.envelop(plain)
					q.Del("timestamp")
					return q, body
				}, ErrForged},
			}
			for _, tt := range tests {
				t.Run(tt.why, func(t *testing.T) {
					q, body := tt.with()
					if _, err := p.Receive(t.Context(), q, body); !errors.Is(err, tt.want) {
						t.Errorf("%v, want %v", err, tt.want)
					}
				})
			}
		})
	}
}

func TestXMLAttacks(t *testing.T) {
	bomb := `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">` +
		`<!ENTITY lol3 "&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;&lol2;">]><xml><Content>&lol3;</Content></xml>`
	tests := map[string]string{
		"entities that grow":     bomb,
		"a file":                 `<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Content>&f;</Content></xml>`,
		"an unknown entity":      `<xml><Content>&f;</Content></xml>`,
		"deep nesting":           strings.Repeat("<a>", 20_000),
		"very many elements":     "<xml>" + strings.Repeat("<a/>", 20_000) + "</xml>",
		"an encoding of its own": `<?xml version="1.0" encoding="UTF-7"?><xml/>`,
		"nothing":                "",
		"no XML":                 "{}",
		"half":                   "<xml><Content>a",
		"bytes that are no text": "<xml><Content>\xff\xfe</Content></xml>",
	}
	p := newPhone(t, func(context.Context, answer.Request) (answer.Answer, error) {
		t.Error("an attack was asked")
		return answer.Answer{}, nil
	})
	for why, body := range tests {
		start := time.Now()
		if _, err := p.Receive(t.Context(), p.query(""), []byte(body)); !errors.Is(err, ErrBadXML) {
			t.Errorf("%s: %v", why, err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("%s: %v", why, took)
		}
	}
}

func FuzzCallback(f *testing.F) {
	f.Add([]byte("<xml><MsgType>text</MsgType><Content>a</Content></xml>"))
	f.Add([]byte("<xml><Encrypt>AAAA</Encrypt></xml>"))
	f.Add([]byte("<!DOCTYPE a><xml/>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parse(body)
		if err == nil && bytes.Contains(body, []byte("<!DOCTYPE")) && !bytes.Contains(body, []byte("CDATA")) && !bytes.Contains(body, []byte("<!--")) &&
			!bytes.Contains(body, []byte("<?")) {
			t.Errorf("a declaration of types is let in: %q", body)
		}
		if err != nil && !errors.Is(err, ErrBadXML) {
			t.Errorf("%v", err)
		}
		if err == nil && !utf8.ValidString(m.Content) {
			t.Errorf("content %q", m.Content)
		}
	})
}

// Each message is asked once, however often it is posted, and gets one reply.
func TestRepeats(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	p := newPhone(t, func(_ context.Context, r answer.Request) (answer.Answer, error) {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Text]++
		return answer.Answer{Outcome: answer.Answered, Text: fmt.Sprintf("第%d次", asked[r.Text])}, nil
	}, encrypted)
	first := p.text("oPerson", "护照")
	for range 3 {
		if got := p.post(first); got != "第1次" {
			t.Errorf("posted again: %q", got)
		}
	}
	p.clock = p.clock.Add(window - time.Second)
	if got := p.post(first); got != "第1次" { // caught, and sent again under a signature of its own
		t.Errorf("replayed: %q", got)
	}
	if got := p.post(p.text("oPerson", "护照")); got != "第2次" {
		t.Errorf("asked again: %q", got)
	}
	event := "<xml><ToUserName>a</ToUserName><FromUserName>oPerson</FromUserName><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>%s</Event></xml>"
	a, err := parse(fmt.Appendf(nil, event, "subscribe"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := parse(fmt.Appendf(nil, event, "unsubscribe"))
	if err != nil {
		t.Fatal(err)
	}
	if a.key() == b.key() {
		t.Error("two events have one key")
	}
}

// stuck is an engine whose answers come when they are let go.
type stuck struct {
	entered chan string
	free    chan struct{}
}

func newStuck() *stuck { return &stuck{make(chan string, 10), make(chan struct{})} }

func (s *stuck) ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	s.entered <- r.Text
	select {
	case <-s.free:
		return echo(ctx, r)
	case <-ctx.Done():
		return answer.Answer{}, ctx.Err()
	}
}

func TestLateAnswerIsSentAfterwards(t *testing.T) {
	platform := newPlatform(t)
	s := newStuck()
	p := newPhone(t, s.ask, func(c *Config) {
		c.Wait = 10 * time.Millisecond
		c.Client = NewClient(Official, c.ID, platform.secret, 0, platform.url)
	})
	if got := p.post(p.text("oPerson", "护照")); got != "" {
		t.Errorf("in time: %q, want success", got)
	}
	close(s.free)
	if got := <-platform.sent; got != "oPerson: 您问：护照" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestLateAnswerWaitsForTheNextTry(t *testing.T) {
	s := newStuck()
	p := newPhone(t, s.ask, func(c *Config) { c.Wait = 10 * time.Millisecond })
	text := p.text("oPerson", "护照")
	q, body := p.envelop(text)
	for try := range 2 {
		if _, err := p.Receive(t.Context(), q, body); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("try %d: %v", try+1, err)
		}
	}
	if got := p.post(text); !strings.Contains(got, "再发一次") {
		t.Errorf("the last try: %q", got)
	}
	if n := len(s.entered); n != 1 {
		t.Errorf("asked %d times", n)
	}
	close(s.free)
	p.Wait = time.Minute
	if got := p.post(text); got != "您问：护照" {
		t.Errorf("when it is there: %q", got)
	}
}

func TestConversation(t *testing.T) {
	p := newPhone(t, echo)
	states := []string{}
	p.Engine = fakeEngine{ask: func(ctx context.Context, r answer.Request) (answer.Answer, error) {
		states = append(states, r.State)
		return echo(ctx, r)
	}}
	say := func(from, text string) { p.post(p.text(from, text)) }
	say("oA", "一")
	say("oA", "二")
	say("oB", "三")
	say("oA", "四")
	p.clock = p.clock.Add(talkLife + time.Minute)
	say("oA", "五")
	if diff := cmp.Diff([]string{"", "+", "", "++", ""}, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	docs := func() int {
		list, err := p.Store.Docs(kindTalk, "", 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if strings.Contains(d.ID+string(d.Value), "oA") {
				t.Errorf("%s holds who it is: %s", d.ID, d.Value)
			}
		}
		return len(list)
	}
	if n := docs(); n != 2 {
		t.Errorf("%d conversations are kept", n)
	}
	if err := p.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := docs(); n != 1 {
		t.Errorf("after a sweep %d conversations are kept", n)
	}
	p.post("<xml><ToUserName>" + p.ID + "</ToUserName><FromUserName>oA</FromUserName><CreateTime>7</CreateTime><MsgType>event</MsgType><Event>unsubscribe</Event></xml>")
	if n := docs(); n != 0 {
		t.Errorf("after unsubscribing %d conversations are kept", n)
	}
}

func TestOtherMessages(t *testing.T) {
	p := newPhone(t, echo)
	message := func(typ, more string) string {
		p.n++
		return fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>oA</FromUserName><CreateTime>%d</CreateTime><MsgType>%s</MsgType>%s</xml>", p.ID, p.n, typ, more)
	}
	tests := []struct{ name, message, want string }{
		{"a voice message that was understood", message("voice", "<MediaId>m</MediaId><Format>amr</Format><Recognition>居住证怎么办。</Recognition><MsgId>11</MsgId>"), "您问：居住证怎么办。"},
		{"one that was not", message("voice", "<MediaId>m</MediaId><Recognition></Recognition><MsgId>12</MsgId>"), "没有听清"},
		{"a picture", message("image", "<PicUrl>https://a.example/1.jpg</PicUrl><MsgId>13</MsgId>"), "目前只能回答文字和语音"},
		{"a new follower", message("event", "<Event>subscribe</Event>"), "您好"},
		{"a tap on help", message("event", "<Event>CLICK</Event><EventKey>help</EventKey>"), "您好"},
		{"a tap that opens a page", message("event", "<Event>VIEW</Event><EventKey>https://a.example/</EventKey>"), ""},
		{"an event of another kind", message("event", "<Event>TEMPLATESENDJOBFINISH</Event>"), ""},
	}
	for _, tt := range tests {
		if got := p.post(tt.message); !strings.HasPrefix(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	p.Engine = fakeEngine{ask: func(context.Context, answer.Request) (answer.Answer, error) {
		return answer.Answer{}, answer.ErrBadQuestion
	}}
	if got := p.post(p.text("oA", strings.Repeat("长", 301))); !strings.Contains(got, "300") {
		t.Errorf("a question that is too long: %q", got)
	}
	p.Engine = fakeEngine{ask: func(context.Context, answer.Request) (answer.Answer, error) { return answer.Answer{}, errors.New("x") }}
	if got := p.post(p.text("oA", "护照")); !strings.Contains(got, "12345") {
		t.Errorf("a failure: %q", got)
	}
}

// sampleCity is a phone to an account in the sample city.
func sampleCity(t *testing.T, change ...func(*Config)) *phone {
	p := newPhone(t, nil, change...)
	p.Engine = apitest.Engine(t)
	return p
}

// The same answers as everywhere: a question, a follow-up, a choice, and an
// emergency before all else.
func TestSampleCity(t *testing.T) {
	p := sampleCity(t, encrypted)
	want := func(said, got string, has ...string) {
		t.Helper()
		for _, h := range has {
			if !strings.Contains(got, h) {
				t.Errorf("to %q: %q lacks %q", said, got, h)
			}
		}
	}
	ask := func(text string, has ...string) { want(text, p.post(p.text("oPerson", text)), has...) }
	ask("居住证怎么办", "「居住证申领」", "示例数据", `<a href="https://wd.example.gov.cn/matters/AL-JZ-002">`)
	ask("要多久", "10日")
	ask("公司注册", "1. ", "2. ", "回复序号")
	ask("2", "有限责任公司设立登记")
	ask("我不想活了", "12356")
	menu, err := p.Menu(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	key := menu.Buttons[0].Sub[0].Key
	tap := fmt.Sprintf("<xml><ToUserName>%s</ToUserName><FromUserName>oPerson</FromUserName><CreateTime>5</CreateTime><MsgType>event</MsgType><Event>CLICK</Event><EventKey>%s</EventKey></xml>", p.ID, key)
	want(key, p.post(tap), "依次要办", "1. ", "/events/")
}

func TestMenu(t *testing.T) {
	p := sampleCity(t)
	menu, err := p.Menu(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(menu.Buttons) > 3 {
		t.Errorf("%d buttons", len(menu.Buttons))
	}
	for _, b := range menu.Buttons {
		if len(b.Name) > 16 || len(b.Sub) < 1 || len(b.Sub) > 5 {
			t.Errorf("button %+v", b)
		}
		for _, s := range b.Sub {
			if len(s.Name) > 60 || !utf8.ValidString(s.Name) || s.Type == "click" && (s.Key == "" || len(s.Key) > 128) || s.Type == "view" && s.URL == "" {
				t.Errorf("entry %+v", s)
			}
		}
	}
	all, err := p.Engine.Events(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	if menu, err = p.Menu(t.Context(), []string{last.ID}); err != nil || menu.Buttons[0].Sub[0].Key != clickEvent+last.ID {
		t.Errorf("a chosen event: %+v, %v", menu, err)
	}
	if _, err := p.Menu(t.Context(), []string{"nothing"}); !errors.Is(err, corpus.ErrNotFound) {
		t.Errorf("an event that is not there: %v", err)
	}
}

func TestBadConfig(t *testing.T) {
	good := Config{Kind: Official, ID: "wx1", Token: "aToken", Key: make([]byte, 32)}
	tests := map[string]func(*Config){
		"no platform": func(c *Config) { c.Kind = "qq" }, "no id": func(c *Config) { c.ID = "" }, "a short token": func(c *Config) { c.Token = "ab" },
		"a token with a sign": func(c *Config) { c.Token = "a-b-c" }, "a key that is none": func(c *Config) { c.AESKey = "abc" },
		"WeCom without a key": func(c *Config) { c.Kind = WeCom }, "no pseudonyms": func(c *Config) { c.Key = nil },
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for why, change := range tests {
		cfg := good
		change(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s is accepted", why)
		}
	}
}

// Over HTTP, behind the API's own gates.
func TestServed(t *testing.T) {
	p := newPhone(t, echo, encrypted)
	s := apitest.Serve(t, func(c *api.Config) { c.Interfaces = []api.Interface{p.Interface()}; c.AsksPerMinute = 3 })
	p.clock = time.Now()
	post := func(q url.Values, body []byte) (int, []byte) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/wx/callback?"+q.Encode(), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "text/xml")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, text
	}
	ask := func(from, text string) string {
		q, body := p.envelop(p.text(from, text))
		status, got := post(q, body)
		if status != http.StatusOK {
			t.Fatalf("%d %s", status, got)
		}
		return p.read(Response{Body: got})
	}
	for range 3 {
		if got := ask("oA", "居住证怎么办"); !strings.Contains(got, "居住证申领") {
			t.Errorf("%q", got)
		}
	}
	if got := ask("oA", "居住证怎么办"); !strings.Contains(got, "稍后再试") {
		t.Errorf("one person asks too often: %q", got)
	}
	if got := ask("oB", "居住证怎么办"); !strings.Contains(got, "居住证申领") {
		t.Errorf("another person of the same platform: %q", got)
	}
	q, body := p.envelop(p.text("oC", "护照"))
	q.Set("msg_signature", "0")
	status, text := post(q, body)
	var problem api.Problem
	if err := json.Unmarshal(text, &problem); err != nil || status != http.StatusForbidden || problem.Status != status {
		t.Errorf("a forgery: %d %s", status, text)
	}
}
