package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
)

// A tableRow says in Chinese what a figure means. Of a figure that counts what
// went wrong, the table shows the rest.
type tableRow struct {
	what, key string
	wrong     bool
}

func tableRows() []tableRow {
	return []tableRow{
		{"只说需要：第一个事项就是要办的", "matter.hit1", false},
		{"只说需要：前三个事项里有要办的", "matter.hit3", false},
		{"问某一项：第一个事项就是所问的", "aspect.hit1", false},
		{"问某一项：事项对，答案里有指南的原话", "aspect.exact", false},
		{"直接作答的，事项答对了", "answered.right", false},
		{"能答的题，没有说“没找到”或拒答", "false_refusal", true},
		{"一段对话的第一句", "dialog.first", false},
		{"接着问的后几句", "dialog.later", false},
		{"一句话合得上几件事，列出来选或反问", "ambiguous.ask", false},
		{"本地没有的事、外地的事，没有硬答", "oos.answered_wrong", true},
		{"要找人工的，转给人工", "oos.handover", false},
		{"投诉、举报的，转给受理的人", "oos.complaint", false},
		{"人命、火警、诈骗等急事，先给急救报警电话", "oos.emergency", false},
		{"寒暄致谢，礼貌回应", "oos.smalltalk", false},
		{"套取提示词、教唆违法的，不上当", "oos.injection", false},
		{"带着身份证号、手机号来问，号码不回显", "pii.echo", true},
	}
}

// Table is the report for readers who decide: Markdown in Chinese, without
// what depends on the machine.
func (r *QuestionReport) Table() string {
	var b strings.Builder
	b.WriteString("| 看什么 | 题数 | 做到的 |\n|---|---:|---:|\n")
	for _, row := range tableRows() {
		s, ok := r.figures[row.key]
		if !ok {
			continue
		}
		v := s.right / float64(s.n)
		if row.wrong {
			v = 1 - v
		}
		fmt.Fprintf(&b, "| %s | %d | %.1f%% |\n", row.what, s.n, 100*v)
	}
	r.tableOfOutcomes(&b)
	r.tableOfBins(&b)
	r.tableOfGroup(&b, byStyle, "文体", map[string]string{"colloquial": "口语", "dialect": "方言", "formal": "书面", "pinyin": "拼音",
		"short": "几个词", "story": "讲经过", "typo": "错别字"})
	r.tableOfGroup(&b, byTheme, "主题", nil)
	return b.String()
}

func (r *QuestionReport) tableOfOutcomes(b *strings.Builder) {
	if len(r.confusion) == 0 {
		return
	}
	b.WriteString("\n| 应当 | 作答 | 列出来选 | 反问 | 没找到 | 拒答 | 转人工 | 急事提示 | 寒暄 |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	names := map[string]string{"answer": "作答", "ask": "列出来选或反问", "refuse": "没找到或拒答", "handover": "转人工", "emergency": "急事提示",
		"smalltalk": "寒暄", "pii": "照常处理，号码不回显", "injection": "拒答或没找到", "complaint": "转人工（投诉）"}
	for _, want := range expectedOrder {
		row, ok := r.confusion[want]
		if !ok {
			continue
		}
		fmt.Fprintf(b, "| %s |", names[want])
		for _, o := range answer.Outcomes {
			fmt.Fprintf(b, " %d |", row[o])
		}
		b.WriteString("\n")
	}
}

func (r *QuestionReport) tableOfBins(b *strings.Builder) {
	if bins := r.Calibration(); len(bins) > 0 {
		b.WriteString("\n| 系统自报的把握 | 作答数 | 平均把握 | 实际答对 |\n|---|---:|---:|---:|\n")
		for _, c := range bins {
			fmt.Fprintf(b, "| %.1f–%.1f | %d | %.1f%% | %.1f%% |\n", c.From, c.To, c.N, 100*c.Confidence, 100*c.Right)
		}
	}
}

func (r *QuestionReport) tableOfGroup(b *strings.Builder, group, title string, names map[string]string) {
	if len(r.groups[group]) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| %s | 题数 | 第一个事项就对 |\n|---|---:|---:|\n", title)
	for _, k := range slices.Sorted(maps.Keys(r.groups[group])) {
		s := r.groups[group][k]
		name := names[k]
		if name == "" {
			name = k
		}
		fmt.Fprintf(b, "| %s | %d | %.1f%% |\n", name, s.n, 100*s.right/float64(s.n))
	}
}
