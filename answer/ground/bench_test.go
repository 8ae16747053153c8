package ground

import (
	"strings"
	"testing"
	"time"
)

// long is an answer with more facts, and longer ones, than any guide has.
func long() []Fact {
	facts, _ := permit()
	for i := range 20 {
		facts = append(facts, Fact{"m" + string(rune('a'+i)), "materials[9]", "材料9", strings.Repeat("某某证明材料之", 5) + "（原件，1份，纸质，必要，申请人自备）【" + strings.Repeat("适用情形", 6) + "的】"})
	}
	return append(facts, Fact{"big", "steps", "办理流程", strings.Repeat("申请人持居民身份证原件到窗口提交申请，工作人员当场核对，符合条件的予以受理。", 20)})
}

// BenchmarkEvidence is what is done once for an answer, BenchmarkCheck what is
// done for each of its sentences.
func BenchmarkEvidence(b *testing.B) {
	r, facts := rules(b), long()
	b.ReportAllocs()
	for b.Loop() {
		r.Evidence(facts, []string{"居住证申领"})
	}
}

func BenchmarkCheck(b *testing.B) {
	facts := long()
	e := rules(b).Evidence(facts, []string{"居住证申领"})
	ids := make([]string, len(facts))
	for i := range facts {
		ids[i] = facts[i].ID
	}
	for name, text := range map[string]string{
		"a sentence":          "居住证申领承诺五个工作日之内办好，法定时限是十五个工作日，不收费。",
		"the longest fact":    facts[len(facts)-1].Value,
		"a lie at its end":    facts[len(facts)-1].Value + "可以减免。",
		"nothing of the kind": strings.Repeat("今天天气很好，", 40),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = e.Check(text, ids)
			}
		})
	}
}

// What grounding adds to the longest of answers is logged; 2 ms are promised.
// Whatever a model can think of against it, no time grows with the square of
// its text: ten times the promise is more than any machine's slowness.
func TestGroundingIsQuick(t *testing.T) {
	if raceOn {
		t.Skip("time means nothing with the race detector")
	}
	const most = 20 * time.Millisecond
	r, facts := rules(t), long()
	ids := make([]string, len(facts))
	for i := range facts {
		ids[i] = facts[i].ID
	}
	e := r.Evidence(facts, nil)
	hostile := map[string]string{
		"one sign": strings.Repeat("，", maxSentence), "brackets": strings.Repeat("（）", maxSentence/2), "glue": strings.Repeat("您要", maxSentence/2),
		"one fact again and again": strings.Repeat("不收费，", maxSentence/4), "nearly the longest fact": strings.Repeat(strings.TrimRight(facts[len(facts)-1].Value, "。"), 2),
		"numerals": strings.Repeat("一二三四五六七八九十百千万亿", maxSentence/14), "digits": strings.Repeat("1,234.5", maxSentence/7), "links": strings.Repeat("〔链接1〕", maxSentence/5),
	}
	for name, text := range hostile {
		if took := quickest(func() { _, _ = e.Check(text, ids) }); took > 5*most { // 2,000 characters: ten answers' worth
			t.Errorf("%s: %v", name, took)
		}
	}
	whole := []string{"居住证申领承诺五个工作日之内办好，法定时限是十五个工作日。", "不收费，由安澜市公安局办理。", "您要带居民身份证原件1份。",
		"受理条件是：年满十六周岁且在本市居住半年以上，符合有合法稳定就业、合法稳定住所、连续就读条件之一；未满16周岁的，由监护人代为申请。", facts[len(facts)-1].Value}
	took := quickest(func() {
		e := r.Evidence(facts, []string{"居住证申领"})
		for _, s := range whole {
			_, _ = e.Check(s, ids)
		}
	})
	t.Logf("an answer of %d facts and %d sentences: %v", len(facts), len(whole), took)
	if took > most {
		t.Errorf("grounding an answer took %v", took)
	}
}

// quickest is the least of several runs: what the code takes, and not what
// else the machine does.
func quickest(f func()) time.Duration {
	least := time.Hour
	for range 7 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}
