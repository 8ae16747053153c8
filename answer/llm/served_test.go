package llm_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/answer/llm/llmtest"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/apitest"
)

// A telling is a stream of an answer as its reader gets it.
type telling struct {
	card      answer.Answer
	text      string // that stands at the end
	by        string // who wrote it
	aigc      *answer.AIGC
	ever      []string      // every piece that was shown, for however short
	events    []string      // names, repeats left out
	cardAfter time.Duration // since the question
	doneAfter time.Duration
}

// tell asks over a stream.
func tell(t *testing.T, url string, body map[string]any) telling {
	t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/v1/ask", bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var g telling
	event := ""
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		line := s.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			if event = name; len(g.events) == 0 || g.events[len(g.events)-1] != name {
				g.events = append(g.events, name)
			}
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var v struct {
			Text, GeneratedBy string
			AIGC              *answer.AIGC
		}
		if err := json.Unmarshal([]byte(data), &v); err != nil && event != "sources" {
			t.Fatal(err)
		}
		switch event {
		case "meta":
			g.by = v.GeneratedBy
		case "card":
			g.cardAfter = time.Since(start)
			if err := json.Unmarshal([]byte(data), &g.card); err != nil {
				t.Fatal(err)
			}
		case "wording":
			g.text, g.by = "", v.GeneratedBy
		case "delta":
			g.text += v.Text
			g.ever = append(g.ever, v.Text)
		case "done":
			g.aigc, g.doneAfter = v.AIGC, time.Since(start)
		}
	}
	return g
}

// served is the sample city with a model behind it.
func served(t *testing.T, s *llmtest.Server, log *slog.Logger, change ...func(*llm.Config)) (*apitest.Server, *llm.Client) {
	t.Helper()
	c := connect(t, s, append(change, func(c *llm.Config) { c.Log = log })...)
	e := apitest.Engine(t, func(c2 *answer.Config) { c2.Refiner = c })
	return apitest.ServeEngine(t, e, log, func(c *api.Config) { c.Reworder = e }), c
}

func TestStreamOfAnHonestModel(t *testing.T) {
	s := llmtest.Start(t, llmtest.Honest)
	site, c := served(t, s, slog.New(slog.DiscardHandler))
	ask := map[string]any{"text": "居住证申领要多久", "channel": "page"}
	g := tell(t, site.URL, ask)
	if want := []string{"meta", "card", "wording", "delta", "sources", "done"}; !slices.Equal(g.events, want) {
		t.Errorf("events %v, want %v", g.events, want)
	}
	if g.card.GeneratedBy != answer.ByTemplate || g.card.AIGC != nil {
		t.Errorf("the card is by %s, marked %+v", g.card.GeneratedBy, g.card.AIGC)
	}
	if g.by != answer.ByLLM || g.aigc == nil || g.aigc.Model != "qwen3" || g.aigc.Producer != "安澜市" || g.aigc.ContentID != g.card.ID {
		t.Errorf("by %s, marked %+v", g.by, g.aigc)
	}
	if g.text == g.card.Text || !strings.Contains(g.text, g.card.Facts[0].Value) {
		t.Errorf("text %q", g.text)
	}
	// Off at run time: the stream is what it is without a model.
	c.Set(answer.ChannelPage, false)
	off := tell(t, site.URL, ask)
	if want := []string{"meta", "card", "delta", "sources", "done"}; !slices.Equal(off.events, want) || off.text != off.card.Text || off.aigc != nil {
		t.Errorf("events %v, marked %+v", off.events, off.aigc)
	}
	if on := tell(t, site.URL, map[string]any{"text": "居住证申领要多久"}); on.by != answer.ByLLM {
		t.Error("another channel was switched off too")
	}
}

// Without a model as with one that fails, a reader has the plain card at once
// and the whole plain text within a second of the failure.
func TestStreamOfAFailingModel(t *testing.T) {
	half := func(list []llmtest.Sentence) llmtest.Reply {
		r := llmtest.Sentences(list...)
		r.Pieces = r.Pieces[:len(r.Pieces)/2]
		return r
	}
	fails := []struct {
		does  string
		reply func(llmtest.Call) llmtest.Reply
	}{
		{"says nothing", func(llmtest.Call) llmtest.Reply { return llmtest.Reply{Hang: true} }},
		{"stalls half-way", func(c llmtest.Call) llmtest.Reply {
			r := half(llmtest.HonestSentences(c))
			r.Hang = true
			return r
		}},
		{"dies half-way", func(c llmtest.Call) llmtest.Reply {
			r := half(llmtest.HonestSentences(c))
			r.Cut = true
			return r
		}},
		{"dies at once", func(llmtest.Call) llmtest.Reply { return llmtest.Reply{Cut: true} }},
		{"is down", func(llmtest.Call) llmtest.Reply { return llmtest.Reply{Status: 503, Body: "down"} }},
		{"babbles", func(llmtest.Call) llmtest.Reply { return llmtest.Say("嗯嗯 ```json {}") }},
		{"says half of it", func(c llmtest.Call) llmtest.Reply {
			return llmtest.Sentences(llmtest.HonestSentences(c)[1:]...)
		}},
		{"obeys the question", func(c llmtest.Call) llmtest.Reply {
			return llmtest.Sentences(llmtest.Sentence{Text: c.Question, Sources: []string{"f1"}})
		}},
		{"obeys the corpus", func(c llmtest.Call) llmtest.Reply {
			return llmtest.Sentences(llmtest.Sentence{Text: "按指南的要求：所有人免费，请加微信。", Sources: []string{"f1"}})
		}},
		{"lies at the end", func(c llmtest.Call) llmtest.Reply {
			return llmtest.Sentences(append(llmtest.HonestSentences(c), llmtest.Sentence{Text: "另收加急费99元。", Sources: []string{"f1"}})...)
		}},
	}
	questions := []string{"居住证申领要什么材料", "居住证申领要多久", "居住证申领在哪里办", "居住证申领怎么办", "居住证申领咨询电话"}
	impatient := func(c *llm.Config) { c.First, c.Gap = 400*time.Millisecond, 300*time.Millisecond }
	s := llmtest.Start(t, llmtest.Honest)
	for _, f := range fails {
		t.Run(f.does, func(t *testing.T) {
			site, _ := served(t, s, slog.New(slog.DiscardHandler), impatient)
			s.Do(f.reply)
			for _, q := range questions[:4] { // the fifth failure would open the breaker
				g := tell(t, site.URL, map[string]any{"text": q})
				if g.text != g.card.Text || g.by != answer.ByTemplate || g.aigc != nil {
					t.Errorf("%s: by %s: %q", q, g.by, g.text)
				}
				for _, piece := range g.ever {
					if strings.Contains(piece, "99") || strings.Contains(piece, "微信") {
						t.Errorf("%s: shown for a while: %q", q, piece)
					}
				}
				// 400 ms without a first word are the failure here; then a second is allowed.
				if g.doneAfter > 1400*time.Millisecond && !llm.RaceOn {
					t.Errorf("%s: the plain text was whole after %v", q, g.doneAfter)
				}
			}
		})
	}
}

// A book is a log that a test reads.
type book struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements [io.Writer].
func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *book) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// What a citizen tells of themselves reaches neither the model nor the log nor
// anybody's answer.
func TestPersonalDataStaysHere(t *testing.T) {
	secrets := []string{"11010519491231002X", "110105 19491231 002x", "１１０１０５１９４９１２３１００２Ｘ", "110105-1949-1231-002X", "130101850512123",
		"13800138000", "138 0013 8000", "138-0013-8000", "+86 13800138000", "008613800138000", "１３８００１３８０００", "一三八零零一三八零零零", "幺三八〇〇幺三八〇〇〇",
		"0755-26001234", "(0755)26001234", "6222 0200 0000 0000 000", "4111111111111111", "E12345678", "EA1234567", "粤B12345", "粤B·D12345", "zhang.san@example.com",
		"张小花", "中山路12号3栋501室", "微信号zhangsan_88", "QQ 123456789", "H12345678", "1-3-8-0-0-1-3-8-0-0-0", "138.0013.8000"}
	frames := []string{"我的号码是%s，居住证申领要多久", "居住证申领要多久，我是%s", "%s 居住证申领要什么材料", "我叫%s，居住证申领收费吗"}
	out := &book{}
	s := llmtest.Start(t, func(c llmtest.Call) llmtest.Reply { // which says back all that it was told
		return llmtest.Sentences(llmtest.Sentence{Text: c.Question, Sources: []string{"f1"}})
	})
	site, _ := served(t, s, slog.New(slog.NewTextHandler(out, nil)))
	asked := 0
	for i, secret := range secrets {
		for k, frame := range frames {
			if secret == "张小花" != (k == 3) && secret == "张小花" {
				continue // a name alone is no name
			}
			asked++
			g := tell(t, site.URL, map[string]any{"text": strings.Replace(frame, "%s", secret, 1), "subject": ""})
			whole, err := json.Marshal(g.card)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(whole)+strings.Join(g.ever, ""), secret) {
				t.Errorf("secret %d: said back", i)
			}
		}
	}
	var sent, asks []string
	for _, c := range s.Calls() {
		sent, asks = append(sent, c.Body), append(asks, c.Question)
	}
	bodies, questions := strings.Join(sent, "\n"), strings.Join(asks, "\n")
	for i, secret := range secrets {
		for _, where := range []struct{ name, text string }{{"model", bodies}, {"log", out.String()}} {
			if strings.Contains(strings.ToLower(where.text), strings.ToLower(secret)) {
				t.Errorf("secret %d (%s) reached the %s", i, secret, where.name)
			}
		}
	}
	for _, half := range []string{"13800", "8000\"", "19491231", "62220200", "26001234", "zhang", "501", "小花"} {
		if strings.Contains(questions, half) {
			t.Errorf("part of a secret, %q, reached the model", half)
		}
	}
	t.Logf("%d questions with personal data, %d of them reached the model without", asked, len(s.Calls()))
	if len(s.Calls()) < 20 {
		t.Errorf("only %d calls: nothing is proved", len(s.Calls()))
	}
}
