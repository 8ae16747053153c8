package corpus

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArticles(t *testing.T) {
	for _, tt := range []struct {
		why, text string
		want      []Article
	}{
		{"articles in lines, one of several paragraphs", "第一条　为甲，制定本办法。\n第二条　标准：\n（一）乙；\n（二）丙。\n第三条　自即日起施行。",
			[]Article{{Number: "第一条", Text: "为甲，制定本办法。"}, {Number: "第二条", Text: "标准：\n（一）乙；\n（二）丙。"}, {Number: "第三条", Text: "自即日起施行。"}}},
		{"lines that were lost", "第一条 甲。第二条 乙，违反本办法第一条的，丙。第十条之一 丁。",
			[]Article{{Number: "第一条", Text: "甲。"}, {Number: "第二条", Text: "乙，违反本办法第一条的，丙。"}, {Number: "第十条之一", Text: "丁。"}}},
		{"chapters and a preamble", "各区人民政府：\n第一章　总则\n第一条　甲。\n第二章 申请\n第二条　乙。\n",
			[]Article{{Text: "各区人民政府："}, {Number: "第一条", Chapter: "第一章　总则", Text: "甲。"}, {Number: "第二条", Chapter: "第二章 申请", Text: "乙。"}}},
		{"points of a notice", "现通知如下：\n一、甲。\n二、乙：\n（一）丙。", []Article{{Text: "现通知如下："}, {Number: "一", Text: "甲。"}, {Number: "二", Text: "乙：\n（一）丙。"}}},
		{"paragraphs only", "甲。\n\n　乙，依照第三条办理。", []Article{{Text: "甲。"}, {Text: "乙，依照第三条办理。"}}},
		{"nothing", " \n", nil},
		{"a number without a text", "第一条\n第二条　乙。", []Article{{Number: "第二条", Text: "乙。"}}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, (&Policy{Text: tt.text}).Articles()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzArticles: what is cut out stands in the text word for word, in its order.
func FuzzArticles(f *testing.F) {
	f.Add("第一章 总则\n第一条 甲。第二条　乙\n一、丙")
	f.Add("第条\n第九章\n\x00第一条")
	f.Fuzz(func(t *testing.T, text string) {
		rest := text
		for _, a := range (&Policy{Text: text}).Articles() {
			for _, part := range []string{a.Number, a.Text} {
				_, after, ok := strings.Cut(rest, part)
				if !ok {
					t.Fatalf("%q of %q does not stand in what is left of the text", part, a)
				}
				rest = after
			}
			if a.Text == "" {
				t.Fatal("an article without a text")
			}
		}
	})
}
