package llm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
	"github.com/govqa/govqa/answer/llm/llmtest"
	"github.com/govqa/govqa/nlp"
)

// permit is the plain answer to 居住证要什么材料、多久、收费吗.
func permit() answer.Draft {
	source := answer.FactSource{URL: "https://zwfw.anlan.example/1", Updated: "2026-05-12"}
	fact := func(field, label, value string) answer.Fact {
		return answer.Fact{Code: "JZZ-01", Field: field, Label: label, Value: value, Source: source}
	}
	return answer.Draft{
		Channel: answer.ChannelAPI, Question: "居住证怎么办", Names: []string{"居住证申领", "居住证"},
		Answer: &answer.Answer{
			ID: "ans_1", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: nlp.AspectMaterials, Edition: 3,
			Text: "办理「居住证申领」需要以下2项材料：\n1. 居民身份证（原件，1份）\n2. 居住地址证明（复印件，1份）【租房的】\n" +
				"「居住证申领」\n承诺办结时限：5个工作日\n法定办结时限：15个工作日\n收费：不收费\n咨询电话：020-83830000",
			Matters: []answer.MatterRef{{Code: "JZZ-01", Name: "居住证申领", Agency: "安澜市公安局"}},
			Facts: []answer.Fact{
				fact("materials[0]", "材料1", "居民身份证（原件，1份）"), fact("materials[1]", "材料2", "居住地址证明（复印件，1份）【租房的】"),
				fact("promisedLimit", "承诺办结时限", "5个工作日"), fact("legalLimit", "法定办结时限", "15个工作日"),
				fact("fee.charged", "收费", "不收费"), fact("contact", "咨询电话", "020-83830000"),
				fact("onlineURL", "网上办理入口", "https://zwfw.anlan.example/jzz?id=7"),
			},
		},
	}
}

// connect makes a client of a server.
func connect(t testing.TB, s *llmtest.Server, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{URL: s.URL, Model: "qwen3", Title: "示例模型", Filing: "示例-备案-0001", Producer: "安澜市",
		Answer: 20 * time.Second, First: 10 * time.Second, Gap: 10 * time.Second, Restate: 10 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// impatient makes a silent server one that has failed.
func impatient(c *Config) {
	c.First, c.Gap, c.Restate = 400*time.Millisecond, 300*time.Millisecond, 400*time.Millisecond
}

func TestAnHonestModelIsShown(t *testing.T) {
	s := llmtest.Start(t, llmtest.Honest)
	c := connect(t, s)
	var shown []string
	w, err := c.Refine(t.Context(), permit(), func(text string) { shown = append(shown, text) })
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(shown, ""); got != w.Text {
		t.Errorf("shown %q, whole %q", got, w.Text)
	}
	for _, want := range []string{"居民身份证（原件，1份）；居住地址证明（复印件，1份）【租房的】。承诺在5个工作日办结。", "020-83830000", "https://zwfw.anlan.example/jzz?id=7"} {
		if !strings.Contains(w.Text, want) {
			t.Errorf("%q is not in %q", want, w.Text)
		}
	}
	if m := w.Mark; !m.Label || m.Model != "示例模型" || m.Filing != "示例-备案-0001" || m.Producer != "安澜市" {
		t.Errorf("mark %+v", m)
	}
	if strings.Contains(s.Calls()[0].Body, "zwfw.anlan.example") {
		t.Error("the model was shown an address")
	}
	// The same again comes from the cache, and of another edition does not.
	shown = nil
	if again, err := c.Refine(t.Context(), permit(), func(text string) { shown = append(shown, text) }); err != nil || again.Text != w.Text || strings.Join(shown, "") != w.Text {
		t.Errorf("from the cache: %v, %q", err, shown)
	}
	next := permit()
	next.Answer.Edition++
	if _, err := c.Refine(t.Context(), next, func(string) {}); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Calls()); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
}

// A failing server never takes longer than its longest silence, and what it
// has said so far does not stand.
func TestABadServerIsLeftAlone(t *testing.T) {
	good := `{"sentences":[{"text":"承诺5个工作日办结。","sources":["f3"]},`
	tests := []struct {
		does  string
		reply llmtest.Reply
		want  string
	}{
		{"says nothing at all", llmtest.Reply{Hang: true}, resultStalled},
		{"stalls in the middle", func() llmtest.Reply { r := llmtest.Say(good); r.Hang = true; return r }(), resultStalled},
		{"dies in the middle", func() llmtest.Reply { r := llmtest.Say(good); r.Cut = true; return r }(), resultRefused},
		{"ends in the middle", llmtest.Say(good), resultGarbage},
		{"dies at once", llmtest.Reply{Cut: true}, resultRefused},
		{"says nothing and ends", llmtest.Reply{}, resultGarbage},
		{"talks without form", llmtest.Say("好的！居住证不收费。"), resultGarbage},
		{"wraps its form in a fence", llmtest.Say("```json\n" + good + "]}\n```"), resultGarbage},
		{"says null", llmtest.Say("null"), resultGarbage},
		{"sends a list", llmtest.Say(`[1,2,3]`), resultGarbage},
		{"has no sentences", llmtest.Say(`{"sentences":[]}`), resultGarbage},
		{"has sentences of numbers", llmtest.Say(`{"sentences":[1]}`), resultGarbage},
		{"sends other keys first", llmtest.Say(`{"thoughts":"x","sentences":[]}`), resultGarbage},
		{"goes on for ever", llmtest.Say(`{"sentences":[{"text":"` + strings.Repeat("不收费", 3000)), resultGarbage},
		{"is out of order", llmtest.Reply{Status: 500, Body: `{"error":{"message":"down"}}`}, resultRefused},
		{"is busy", llmtest.Reply{Status: 429, Body: `{"error":{"message":"slow down"}}`}, resultRefused},
		{"does not know us", llmtest.Reply{Status: 401, Body: `{"error":{"message":"key"}}`}, resultRefused},
		{"sends a page", llmtest.Reply{Status: 200, Body: "<html>hello</html>"}, resultGarbage},
		{"sends bytes", llmtest.Reply{Status: 200, Body: "data: \x00\xff\xfe\n\n"}, resultGarbage},
		{"sends an endless line", llmtest.Reply{Status: 200, Body: "data: " + strings.Repeat("a", 3<<20)}, resultGarbage},
		{"sends us elsewhere", llmtest.Reply{Status: 302, Body: "x"}, resultGarbage},
	}
	for _, tt := range tests {
		t.Run(tt.does, func(t *testing.T) {
			s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply { return tt.reply })
			start := time.Now()
			w, err := connect(t, s, impatient).Refine(t.Context(), permit(), func(string) {})
			if err == nil {
				t.Fatalf("worded %q", w.Text)
			}
			if got := resultOf(err); got != tt.want {
				t.Errorf("%s, want %s: %v", got, tt.want, err)
			}
			if took := time.Since(start); took > 1400*time.Millisecond && !RaceOn { // 0.4 s without a word, and a second
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestOneRetry(t *testing.T) {
	var s *llmtest.Server
	s = llmtest.Start(t, func(c llmtest.Call) llmtest.Reply {
		if len(s.Calls()) == 1 {
			return llmtest.Reply{Status: 503, Body: "{}"}
		}
		return llmtest.Honest(c)
	})
	if _, err := connect(t, s).Refine(t.Context(), permit(), func(string) {}); err != nil {
		t.Error(err)
	}
	if n := len(s.Calls()); n != 2 {
		t.Errorf("%d calls", n)
	}
}

func TestLimits(t *testing.T) {
	honest := func(t *testing.T) *llmtest.Server { return llmtest.Start(t, llmtest.Honest) }
	refine := func(c *Client, tenant string, edition int) error {
		d := permit()
		d.Tenant, d.Answer.Edition = tenant, d.Answer.Edition+1
		for range edition {
			d.Answer.Edition++
		}
		_, err := c.Refine(t.Context(), d, func(string) {})
		return err
	}
	is := func(t *testing.T, err error, want string) {
		t.Helper()
		if err == nil || resultOf(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	t.Run("a channel that is off", func(t *testing.T) {
		c := connect(t, honest(t))
		c.Set(answer.ChannelAPI, false)
		is(t, refine(c, "", 0), resultOff)
		c.Set(answer.ChannelAPI, true)
		if err := refine(c, "", 0); err != nil {
			t.Error(err)
		}
	})
	t.Run("a channel that is none", func(t *testing.T) {
		d := permit()
		d.Channel = "telegraph"
		_, err := connect(t, honest(t)).Refine(t.Context(), d, func(string) {})
		is(t, err, resultOff)
	})
	t.Run("money of an answer", func(t *testing.T) {
		is(t, refine(connect(t, honest(t), func(c *Config) { c.AnswerYuan, c.PriceIn = 1e-6, 10 }), "", 0), resultBudget)
	})
	t.Run("tokens of an hour", func(t *testing.T) {
		now := time.Date(2026, 11, 26, 9, 30, 0, 0, time.UTC)
		c := connect(t, honest(t), func(c *Config) { c.HourTokens, c.MaxTokens, c.Now = 4500, 800, func() time.Time { return now } })
		var err error
		n := 0
		for ; err == nil && n < 50; n++ {
			err = refine(c, "", n)
		}
		is(t, err, resultBudget)
		if n < 2 {
			t.Error("not one call was paid for")
		}
		if got := c.spent.total(now).tokens; got > 4500 {
			t.Errorf("%d tokens spent", got)
		}
		now = now.Add(time.Hour)
		if err := refine(c, "", n); err != nil {
			t.Errorf("the next hour: %v", err)
		}
	})
	t.Run("money of an hour", func(t *testing.T) {
		is(t, refine(connect(t, honest(t), func(c *Config) { c.HourYuan, c.PriceOut = .001, 10 }), "", 0), resultBudget)
	})
	t.Run("tokens of a tenant", func(t *testing.T) {
		c := connect(t, honest(t), func(c *Config) { c.TenantTokens, c.MaxTokens = 4500, 800 })
		var err error
		for n := 0; err == nil && n < 50; n++ {
			err = refine(c, "portal", n)
		}
		is(t, err, resultBudget)
		if err := refine(c, "hall", 60); err != nil {
			t.Errorf("another tenant: %v", err)
		}
	})
	t.Run("too many at once", func(t *testing.T) {
		called, gone := make(chan struct{}), make(chan struct{})
		s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply {
			close(called)
			return llmtest.Reply{Hang: true, Gone: gone}
		})
		c := connect(t, s, func(c *Config) { c.Calls, c.First = 1, 5*time.Second })
		first := make(chan error, 1)
		go func() { first <- refine(c, "", 0) }()
		<-called
		is(t, refine(c, "", 1), resultBusy)
		close(gone)
		if err := <-first; err == nil {
			t.Error("a reply of nothing is a wording")
		}
	})
	t.Run("a server that fails again and again", func(t *testing.T) {
		s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply { return llmtest.Reply{Status: 500, Body: "{}"} })
		c := connect(t, s)
		for n := range maxFailures {
			is(t, refine(c, "", n), resultRefused)
		}
		before := len(s.Calls())
		start := time.Now()
		is(t, refine(c, "", 99), resultOpen)
		if len(s.Calls()) != before || time.Since(start) > 100*time.Millisecond {
			t.Error("the server was called")
		}
	})
}

// Whatever the model's words, they are shown only if they are grounded; a lie
// in the second sentence takes the first one back.
func TestALieTakesAllBack(t *testing.T) {
	s := llmtest.Start(t, func(llmtest.Call) llmtest.Reply {
		return llmtest.Sentences(llmtest.Sentence{Text: "承诺5个工作日办结。", Sources: []string{"f3"}}, llmtest.Sentence{Text: "收费20元。", Sources: []string{"f5"}})
	})
	var shown []string
	_, err := connect(t, s).Refine(t.Context(), permit(), func(text string) { shown = append(shown, text) })
	var fault *ground.FaultError
	if !errors.As(err, &fault) || fault.Reason != ground.Value {
		t.Errorf("%v", err)
	}
	if !slices.Equal(shown, []string{"承诺5个工作日办结。"}) {
		t.Errorf("shown %q", shown)
	}
}

func TestRestate(t *testing.T) {
	s := llmtest.Start(t, func(c llmtest.Call) llmtest.Reply {
		return llmtest.Say(fmt.Sprintf(`{"question":"%s要几天"}`, c.Matter))
	})
	got, err := connect(t, s).Restate(t.Context(), answer.FollowUp{Channel: answer.ChannelAPI, Question: "那13800138000呢，几天", Matter: "居住证申领"})
	if err != nil || got != "居住证申领要几天" {
		t.Errorf("%q, %v", got, err)
	}
	if strings.Contains(s.Calls()[0].Body, "138") {
		t.Error("a telephone number reached the model")
	}
	s.Do(func(llmtest.Call) llmtest.Reply { return llmtest.Reply{Hang: true} })
	if _, err := connect(t, s, impatient).Restate(t.Context(), answer.FollowUp{Channel: answer.ChannelAPI, Question: "几天", Matter: "居住证申领"}); resultOf(err) != resultStalled {
		t.Error(err)
	}
}

// Switched off while a model is writing, it is stopped at the next sentence.
func TestOffWhileItWrites(t *testing.T) {
	c := connect(t, llmtest.Start(t, llmtest.Honest))
	var shown []string
	_, err := c.Refine(t.Context(), permit(), func(text string) {
		shown = append(shown, text)
		c.Set(answer.ChannelAPI, false)
	})
	if resultOf(err) != resultOff || len(shown) != 1 {
		t.Errorf("%v after %q", err, shown)
	}
}
