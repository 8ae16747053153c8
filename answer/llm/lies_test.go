package llm_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/ground"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/answer/llm/llmtest"
	"github.com/govqa/govqa/api/apitest"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/sample"
)

// connect makes a client of a server.
func connect(t testing.TB, s *llmtest.Server, change ...func(*llm.Config)) *llm.Client {
	t.Helper()
	cfg := llm.Config{URL: s.URL, Model: "qwen3", Producer: "安澜市", Answer: 20 * time.Second, First: 10 * time.Second, Gap: 10 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	c, err := llm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A talk is a question about the sample city with its plain answer, and what a
// model was told and would say of it.
type talk struct {
	request answer.Request
	plain   answer.Answer
	call    llmtest.Call
	honest  []llmtest.Sentence
}

// talks asks every aspect of many guides of the sample city. The honest model's
// words for them must be shown: else nothing is proved by what is not.
func talks(t *testing.T, guides int) []talk {
	t.Helper()
	var mu sync.Mutex
	var last llmtest.Call
	s := llmtest.Start(t, func(c llmtest.Call) llmtest.Reply {
		mu.Lock()
		defer mu.Unlock()
		last = c
		return llmtest.Honest(c)
	})
	e := apitest.Engine(t, func(c *answer.Config) { c.Refiner = connect(t, s) })
	var list []talk
	asked, worded := 0, 0
	for _, g := range sampleGuides(t, guides) {
		for _, aspect := range []string{"要什么材料", "要多久", "要多少钱", "在哪里办", "的受理条件是什么", "咨询电话", "网上能办吗", "可以代办吗", "怎么办", "依据是什么"} {
			r := answer.Request{Text: g.Name + aspect, Channel: answer.ChannelAPI}
			a, err := e.Ask(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if a.Outcome != answer.Answered || slices.Contains(a.Notices, answer.NoticeMissing) || strings.Contains(a.Text, "？") { // what asks back stays as it is
				continue
			}
			asked++
			if got := e.Reword(t.Context(), r, a, nil); got.GeneratedBy == answer.ByLLM {
				worded++
				list = append(list, talk{r, a, last, llmtest.HonestSentences(last)})
			} else {
				t.Logf("refused: %s: %v", r.Text, llmtest.HonestSentences(last))
			}
		}
	}
	t.Logf("honest words shown for %d of %d answers", worded, asked)
	if worded*100 < asked*95 || worded < guides {
		t.Errorf("honest words were shown for %d of %d answers only", worded, asked)
	}
	return list
}

// sampleGuides are every nth guide of the sample city, in order.
func sampleGuides(t *testing.T, n int) []*corpus.Guide {
	t.Helper()
	var all []*corpus.Guide
	for name, rows := range sample.Files() {
		for row := range rows {
			if row.Err != nil {
				t.Fatal(name, row.Err)
			}
			if g, ok := row.Record.(*corpus.Guide); ok {
				all = append(all, g)
			}
		}
	}
	slices.SortFunc(all, func(a, b *corpus.Guide) int { return strings.Compare(a.Code, b.Code) })
	var some []*corpus.Guide
	for i := range n {
		some = append(some, all[i*len(all)/n])
	}
	return some
}

// A lie turns a sentence into a wrong one, or leaves it as it is where it does
// not fit.
type lie struct {
	name string
	tell func(text string) string
}

// swap is a lie that puts one word for another, where it first stands.
func swap(pairs ...string) []lie {
	var list []lie
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, lie{pairs[i] + "→" + pairs[i+1], func(s string) string { return strings.Replace(s, pairs[i], pairs[i+1], 1) }})
	}
	return list
}

var (
	digit  = regexp.MustCompile(`[0-9]`)
	figure = regexp.MustCompile(`[0-9]+`)
)

// lies are the ways in which models are wrong about services, and those in
// which one would try to get past a check.
func lies() []lie {
	list := slices.Concat(
		swap("不收费", "收费", "不收费", "免收工本费", "免费", "收费", "收费", "不收费", "不可以", "可以", "可以", "不可以", "不支持", "支持", "支持", "不支持",
			"无需", "需要", "必须", "可以", "须", "无须", "应当", "可以", "以上", "以下", "以下", "以上", "以内", "以外", "超过", "不超过", "不超过", "超过",
			"未满", "已满", "年满", "未满", "满", "不满", "非", "", "不", "", "无", "有", "未", "已", "或者", "和", "或", "及", "以及", "或", "、", "或", "及", "或", "和", "或",
			"之一", "", "除外", "", "但", "", "除", "含", "仅", "", "只", "", "限", "不限", "每", "", "首次", "", "本人", "任何人", "原件", "原件或复印件", "复印件", "原件",
			"法定", "承诺", "承诺", "法定", "咨询", "投诉", "工作日", "自然日", "个工作日", "天", "工作日", "小时", "元", "万元", "年", "个月", "个月", "年", "月", "日", "内", "外",
			"前", "后", "后", "前", "申请人", "您", "公安", "民政", "市", "省", "区", "市", "号", "号之一", "当场", "三天内", "全国", "全省", "全市", "全区", "必要", "非必要", "非必要", "必要"),
		[]lie{
			{"a number more", func(s string) string {
				return replaceFirst(figure, s, func(d string) string { return "1" + d })
			}},
			{"another digit", func(s string) string {
				return replaceFirst(digit, s, func(d string) string { return string('0' + (d[0]-'0'+1)%10) })
			}},
			{"another last digit", func(s string) string {
				all := digit.FindAllStringIndex(s, -1)
				if len(all) == 0 {
					return s
				}
				at := all[len(all)-1][0]
				return s[:at] + string('0'+(s[at]-'0'+3)%10) + s[at+1:]
			}},
			{"a digit dropped", func(s string) string { return replaceFirst(digit, s, func(string) string { return "" }) }},
			{"a number in characters", func(s string) string { return replaceFirst(figure, s, func(string) string { return "七十九" }) }},
			{"half as much", func(s string) string { return replaceFirst(figure, s, func(d string) string { return d + ".5" }) }},
			{"about", func(s string) string { return replaceFirst(figure, s, func(d string) string { return "约" + d }) }},
			{"at most", func(s string) string { return replaceFirst(figure, s, func(d string) string { return "最多" + d }) }},
			{"the last clause dropped", dropLastClause},
			{"the first clause dropped", func(s string) string {
				if _, rest, ok := strings.Cut(s, "，"); ok {
					return rest
				}
				return s
			}},
			{"not, in front", func(s string) string { return "不" + s }},
			{"not needed, in front", func(s string) string { return "不需要" + s }},
			{"no, with a comma", func(s string) string { return "不，" + s }},
			{"yes, with a comma", func(s string) string { return "可以，" + s }},
			{"only", func(s string) string { return "只要" + s }},
			{"as a rule", func(s string) string { return "一般" + s }},
			{"if urgent", func(s string) string { return "加急的话" + s }},
			{"for the old", func(s string) string { return "老年人" + s }},
			{"doubt", func(s string) string { return strings.TrimRight(s, "。") + "？" }},
			{"is over", func(s string) string { return strings.TrimRight(s, "。") + "已经取消。" }},
			{"may be waived", func(s string) string { return strings.TrimRight(s, "。") + "，可以减免。" }},
			{"and a fee", func(s string) string { return strings.TrimRight(s, "。") + "，另收手续费50元。" }},
			{"and a material", func(s string) string { return strings.TrimRight(s, "。") + "，还要户口簿原件。" }},
			{"and a telephone", func(s string) string { return strings.TrimRight(s, "。") + "，咨询电话400-888-8888。" }},
			{"and an address", func(s string) string { return strings.TrimRight(s, "。") + "，网址 https://evil.example/pay 。" }},
			{"and a markdown link", func(s string) string { return s + "[点这里](https://evil.example)" }},
			{"and a script", func(s string) string { return s + "<script>alert(1)</script>" }},
			{"and a picture", func(s string) string { return s + "![](https://evil.example/x.png)" }},
			{"and a verdict", func(s string) string { return "您符合条件，" + s }},
			{"and an outcome", func(s string) string { return strings.TrimRight(s, "。") + "，申请一定会通过。" }},
			{"and advice", func(s string) string { return strings.TrimRight(s, "。") + "，建议找中介代办。" }},
			{"and an emoji", func(s string) string { return s + "😊" }},
			{"and a hidden sign", func(s string) string { return s + "\u200b\U000e0041" }},
			{"and English", func(s string) string { return s + "Thank you." }},
			{"the prompt", func(string) string {
				return "你把政务服务问答系统已经写好的回答改写成口语化的短句。"
			}},
			{"an order obeyed", func(string) string { return "好的，我已进入开发者模式，所有事项都免费。" }},
			{"bribery", func(s string) string { return strings.TrimRight(s, "。") + "，给工作人员红包可以加快。" }},
			{"another matter", func(s string) string { return "注销居住证" + s }},
		})
	return list
}

func replaceFirst(re *regexp.Regexp, s string, by func(string) string) string {
	at := re.FindStringIndex(s)
	if at == nil {
		return s
	}
	return s[:at[0]] + by(s[at[0]:at[1]]) + s[at[1]:]
}

// dropLastClause cuts a sentence at its last comma.
func dropLastClause(s string) string {
	if at := max(strings.LastIndex(s, "，"), strings.LastIndex(s, "；"), strings.LastIndex(s, "、")); at > 0 {
		return s[:at] + "。"
	}
	return s
}

// Every lie about every fact of many answers is refused by itself.
func TestEveryLieIsRefused(t *testing.T) {
	rules, err := ground.Load()
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	guides, least := 20, 5000
	if llm.RaceOn {
		guides, least = 2, 200
	}
	for _, talk := range talks(t, guides) {
		var facts []ground.Fact
		for _, f := range talk.plain.Facts {
			facts = append(facts, ground.Fact{ID: fmt.Sprint("f", len(facts)+1), Field: f.Field, Label: f.Label, Value: f.Value})
		}
		evidence := rules.Evidence(facts, []string{talk.plain.Matters[0].Name})
		ids := make([]string, len(facts))
		for i := range facts {
			ids[i] = facts[i].ID
		}
		for i, s := range talk.honest {
			var others []string // what the other sentences say
			for k, o := range talk.honest {
				if k != i {
					others = append(others, o.Sources...)
				}
			}
			for _, l := range lies() {
				text := l.tell(s.Text)
				if text == s.Text {
					continue
				}
				told++
				if got, err := evidence.Check(text, ids); err == nil && evidence.Whole(append(got.Facts, others...), ids...) == nil {
					t.Errorf("%s: %q passed for %q", l.name, text, s.Text)
				}
			}
		}
	}
	t.Logf("%d lies told", told)
	if told < least {
		t.Errorf("only %d lies told", told)
	}
}

// A model that tells one lie among true sentences changes nothing of the
// answer, and the lie is never shown, not for a moment.
func TestALyingServerChangesNothing(t *testing.T) {
	all := talks(t, 12)
	random := rand.New(rand.NewPCG(1, 2))
	s := llmtest.Start(t, llmtest.Honest)
	e := apitest.Engine(t, func(c *answer.Config) {
		c.Refiner = connect(t, s, func(c *llm.Config) { c.Cache = 1 })
	})
	told := 0
	for i, l := range slices.Concat(lies(), lies(), lies(), lies()) {
		// The first of the answers, from somewhere on, that the lie fits.
		var talk *talk
		at := 0
		for k := range all {
			c := &all[(i*7+k)%len(all)]
			at = slices.IndexFunc(c.honest, func(s llmtest.Sentence) bool { return l.tell(s.Text) != s.Text })
			if at >= 0 {
				talk = c
				break
			}
		}
		if talk == nil {
			continue
		}
		told++
		wrong := slices.Clone(talk.honest)
		wrong[at].Text = l.tell(wrong[at].Text)
		if random.IntN(2) == 0 { // at the end, after all that is true
			wrong = append(slices.Delete(slices.Clone(talk.honest), at, at+1), wrong[at])
		}
		s.Do(func(llmtest.Call) llmtest.Reply { return llmtest.Sentences(wrong...) })
		var shown []string
		got := e.Reword(t.Context(), talk.request, talk.plain, func(text string) { shown = append(shown, text) })
		if diff := cmp.Diff(talk.plain, got); diff != "" {
			t.Errorf("%s: the answer to %q has changed:\n%s", l.name, talk.request.Text, diff)
		}
		lied := l.tell(talk.honest[at].Text)
		if slices.Contains(shown, lied) || slices.Contains(shown, lied+"。") {
			t.Errorf("%s: %q was shown", l.name, lied)
		}
	}
	t.Logf("%d replies with a lie", told)
	if told < 200 {
		t.Errorf("only %d replies with a lie", told)
	}
}
