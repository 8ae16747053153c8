package answer

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func longAnswer() *Answer {
	return &Answer{Outcome: Answered, GeneratedBy: ByTemplate,
		Text:    "「居住证申领」这样办：\n1. 申请：向派出所提出。\n2. 审核：查居住满半年。\n3. 制证：按规定制作。",
		Matters: []MatterRef{{Code: "AL/1", Name: "居住证申领"}},
		Facts: []Fact{{Code: "AL/1", Field: "steps", Source: FactSource{URL: "https://a.example/1", Updated: "2026-06-30"}},
			{Code: "AL/1", Field: "channel", Source: FactSource{URL: "https://a.example/1", Updated: "2026-06-30"}},
			{Code: "F-1", Field: "answer"}},
		Actions: []Action{{"online", "在线办理", "https://a.example/apply"}, {"call", "拨打", "tel:12345"}, {"online", "坏的", "javascript:alert(1)"}}}
}

func TestPlainText(t *testing.T) {
	anchor := func(label, url string) string { return "<" + label + " " + url + ">" }
	tests := []struct {
		name string
		p    PlainText
		a    func(*Answer)
		want string
	}{
		{"whole, with the sources and what can be done online", PlainText{}, nil,
			"「居住证申领」这样办：\n1. 申请：向派出所提出。\n2. 审核：查居住满半年。\n3. 制证：按规定制作。\n" +
				"来源：「居住证申领」办事指南：https://a.example/1（2026-06-30更新）；常见问题\n在线办理：https://a.example/apply"},
		{"with links to our own page", PlainText{Site: "https://q.example", Link: anchor}, func(a *Answer) { a.Actions = nil },
			"「居住证申领」这样办：\n1. 申请：向派出所提出。\n2. 审核：查居住满半年。\n3. 制证：按规定制作。\n" +
				"来源：<「居住证申领」办事指南 https://q.example/matters/AL%2F1>（2026-06-30更新）；常见问题"},
		{"cut after a whole step, with the way to the rest", PlainText{Limit: 120, Site: "https://q.example", Link: func(l, _ string) string { return l }},
			func(a *Answer) { a.Text += strings.Repeat("\n4. 再等：十四字长的一步。", 9) },
			"「居住证申领」这样办：\n1. 申请：向派出所提出。\n2. 审核：查居住满半年。\n3. 制证：按规定制作。\n" +
				"（内容较长，这里只是前面一部分，查看全文。）\n来源：「居住证申领」办事指南（2026-06-30更新）；常见问题"},
		{"what can be done without goes first", PlainText{Limit: 110, Link: func(l, _ string) string { return l }}, nil,
			"「居住证申领」这样办：\n1. 申请：向派出所提出。\n2. 审核：查居住满半年。\n3. 制证：按规定制作。\n" +
				"来源：「居住证申领」办事指南（2026-06-30更新）；常见问题\n在线办理"},
		{"a model's words are marked", PlainText{}, func(a *Answer) {
			*a = Answer{Outcome: Answered, Text: "好。", GeneratedBy: ByLLM, AIGC: &AIGC{Label: true, Model: "qwen"}}
		},
			"好。\n（AI 生成，仅供参考，请以办事指南原文为准；模型：qwen。）"},
		{"what notices mean", PlainText{}, func(a *Answer) {
			*a = Answer{Outcome: NotFound, Text: "没有找到。", Notices: []string{NoticeSample, NoticeMasked}}
		}, "没有找到。\n（示例数据，仅供演示，不能据此办事。）\n（为保护隐私，问题里的个人信息已经隐去。提问时请不要填写证件号码、手机号码等。）"},
		{"an emergency whole and alone", PlainText{Limit: 10}, func(a *Answer) {
			*a = Answer{Outcome: Emergency, Text: "请立即拨打 120，守在伤者身边，不要离开。", Notices: []string{NoticeMasked}}
		}, "请立即拨打 120，守在伤者身边，不要离开。"},
		{"one long line", PlainText{Limit: 40}, func(a *Answer) { *a = Answer{Outcome: Answered, Text: strings.Repeat("字", 100)} },
			strings.Repeat("字", 21) + "…\n（内容较长，这里只是前面一部分。）"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := longAnswer()
			if tt.a != nil {
				tt.a(a)
			}
			got := tt.p.Write(a)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever the answer, the text keeps to the limit and begins as the answer does.
func FuzzPlainText(f *testing.F) {
	f.Add("一句话。又一句话！\n第二行", "来源", 30)
	f.Add(strings.Repeat("长。", 400), "名", 600)
	f.Fuzz(func(t *testing.T, text, name string, limit int) {
		if limit < 60 || limit > 2000 || !utf8.ValidString(text) {
			t.Skip()
		}
		a := &Answer{Outcome: Answered, Text: text, Matters: []MatterRef{{Code: "1", Name: name}}, Facts: []Fact{{Code: "1"}},
			Notices: []string{NoticeSample, NoticeMasked, NoticeMissing}, GeneratedBy: ByLLM, AIGC: &AIGC{Label: true}}
		got := PlainText{Limit: limit}.Write(a)
		if n := utf8.RuneCountInString(got); n > limit {
			t.Errorf("%d characters, at most %d: %q", n, limit, got)
		}
		if begin := firstOf(text, 1); begin != "…" && !strings.HasPrefix(got, begin) {
			t.Errorf("%q does not begin as %q", got, text)
		}
	})
}
