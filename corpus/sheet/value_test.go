package sheet

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/govqa/govqa/corpus"
)

func limit(n int, unit, note string) *corpus.Limit {
	return &corpus.Limit{N: n, Unit: unit, Note: note}
}

func TestParseLimit(t *testing.T) {
	tests := []struct {
		cell, unit string
		want       *corpus.Limit
		err        error
	}{
		{"15个工作日", "", limit(15, "工作日", ""), nil},
		{"20工作日", "", limit(20, "工作日", ""), nil},
		{"２０个工作日", "", limit(20, "工作日", ""), nil},
		{"十五个工作日", "", limit(15, "工作日", ""), nil},
		{"一百二十日", "", limit(120, "日", ""), nil},
		{"两个月", "", limit(2, "个月", ""), nil},
		{"1个月", "", limit(1, "个月", ""), nil},
		{"24小时", "", limit(24, "小时", ""), nil},
		{"3 个工作日内办结。", "", limit(3, "工作日", ""), nil},
		{"自受理之日起20个工作日内", "", limit(20, "工作日", ""), nil},
		{"20日(不含公示)", "", limit(20, "日", "不含公示"), nil},
		{"20个工作日（特殊情况可延长10个工作日）", "", limit(20, "工作日", "特殊情况可延长10个工作日"), nil},
		{"15个工作日，不含专家评审时间", "", limit(15, "工作日", "不含专家评审时间"), nil},
		{"即办", "", limit(0, "即办", ""), nil},
		{"当场办结", "", limit(0, "即办", ""), nil},
		{"即时", "", limit(0, "即办", ""), nil},
		{"0个工作日", "", limit(0, "即办", ""), nil},
		{"0", "", limit(0, "即办", ""), nil},
		{"20", "工作日", limit(20, "工作日", ""), nil},
		{"20.0", "日", limit(20, "日", ""), nil},
		{"无", "", nil, nil},
		{"", "工作日", nil, nil},
		{"—", "", nil, nil},
		{"详见附件", "", nil, nil},
		{"无法定时限", "", nil, nil},
		{"20", "", nil, errLimitUnit},
		{"法定20个工作日，承诺5个工作日", "", nil, errLimitTwice},
		{"法定20个工作日，承诺5个", "", nil, errLimitTwice},
		{"5-10个工作日", "", nil, errLimit},
		{"20个工作日，承诺即办", "", nil, errLimitTwice},
		{"公示期5日", "", nil, errLimit},
		{"1.5个工作日", "", nil, errLimit},
		{"半个月", "", nil, errLimit},
		{"2周", "", nil, errLimit},
		{"二三日", "", nil, errNumber},
		{"99999999999个工作日", "", nil, errNumber},
	}
	for _, tt := range tests {
		t.Run(tt.cell+tt.unit, func(t *testing.T) {
			got, err := ParseLimit(tt.cell, tt.unit)
			if !errors.Is(err, tt.err) {
				t.Errorf("error = %v, want %v", err, tt.err)
			}
			diff(t, "limit", got, tt.want)
		})
	}
}

func TestPlainText(t *testing.T) {
	tests := []struct{ in, want string }{
		{"第一条<br>第二条<BR/>第三条", "第一条\n第二条\n第三条"},
		{"<p>甲</p><p>乙</p>", "甲\n乙"},
		{"<ul><li>甲</li><li>乙</li></ul>", "甲\n乙"},
		{`<span style="color:red">年满18周岁</span>`, "年满18周岁"},
		{"面积&lt;50平方米", "面积<50平方米"},
		{"面积&amp;lt;50平方米", "面积<50平方米"},
		{"&amp;lt;br&amp;gt;甲", "甲"},
		{"面积<50平方米且<a的", "面积<50平方米且<a的"},
		{"填写<申请表>", "填写<申请表>"},
		{"x<y且y>z", "x<y且y>z"},
		{"a?b=1&copy=2", "a?b=1&copy=2"},
		{"甲&nbsp;乙\u200b\ufeff", "甲 乙"},
		{"<script>alert(1)</script>甲<style>p{}</style>", "甲"},
		{"甲<!-- 注 -->乙", "甲乙"},
		{"甲\r\n\r\n 乙\x00", "甲\n乙"},
		{"=SUM(A1)", "=SUM(A1)"},
	}
	for _, tt := range tests {
		if got := plainText(tt.in); got != tt.want {
			t.Errorf("plainText(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestValueUnpublished(t *testing.T) {
	for _, s := range []string{"无", "暂无", "暂无。", "详见附件", "（详见附件）", "—", "//", "/", "N/A", "ＮＵＬＬ", " ", "<p>无</p>", "&nbsp;"} {
		if got := value(s); got != "" {
			t.Errorf("value(%q) = %q, want unpublished", s, got)
		}
	}
	for _, s := range []string{"无犯罪记录证明", "0", "否", "不收费"} {
		if got := value(s); got != s {
			t.Errorf("value(%q) = %q, want it as it is", s, got)
		}
	}
}

func TestParseDate(t *testing.T) {
	tests := []struct {
		in     string
		date04 bool
		want   string
		bad    bool
	}{
		{"2026/1/5", false, "2026-01-05", false},
		{"2026-01-05 10:20:30", false, "2026-01-05", false},
		{"2026-01-05T10:20:30.123Z", false, "2026-01-05", false},
		{"2026年1月5日", false, "2026-01-05", false},
		{"２０２６．１．５", false, "2026-01-05", false},
		{"20260105", false, "2026-01-05", false},
		{"46027", false, "2026-01-05", false},
		{"46027.5", false, "2026-01-05", false},
		{"44565", true, "2026-01-05", false},
		{"2026-02-30", false, "", true},
		{"2026年1月", false, "", true},
		{"长期", false, "", true},
	}
	for _, tt := range tests {
		got, err := parseDate(tt.in, tt.date04)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("parseDate(%q) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestSplitMaterials(t *testing.T) {
	tests := []struct {
		name, in string
		want     []corpus.Material
	}{
		{"a numbered list between semicolons", "1.身份证（原件1份）；2.户口簿（复印件2份）", []corpus.Material{
			{Name: "身份证", Kind: "原件", Copies: new(1)}, {Name: "户口簿", Kind: "复印件", Copies: new(2)}}},
		{"semicolons inside brackets", "1、申请表（原件；1份；纸质）；2、照片（近期；免冠）", []corpus.Material{
			{Name: "申请表", Kind: "原件", Form: "纸质", Copies: new(1)}, {Name: "照片（近期；免冠）"}}},
		{"one a line", "身份证原件1份\n户口簿复印件2份", []corpus.Material{
			{Name: "身份证", Kind: "原件", Copies: new(1)}, {Name: "户口簿", Kind: "复印件", Copies: new(2)}}},
		{"a comma of enumeration in a numbered list", "1.身份证、护照等证件；2.照片", []corpus.Material{{Name: "身份证、护照等证件"}, {Name: "照片"}}},
		{"a comma of enumeration alone", "身份证、户口簿（首页、本人页）、照片", []corpus.Material{
			{Name: "身份证"}, {Name: "户口簿（首页、本人页）"}, {Name: "照片"}}},
		{"a semicolon inside an item", "1.界至图；承包合同\n2.身份证", []corpus.Material{{Name: "界至图；承包合同"}, {Name: "身份证"}}},
		{"circled numbers", "①身份证②户口簿", []corpus.Material{{Name: "身份证②户口簿"}}},
		{"circled numbers between spaces", "① 身份证 ② 户口簿", []corpus.Material{{Name: "身份证"}, {Name: "户口簿"}}},
		{"numerals in brackets", "（一）身份证\n（二）户口簿", []corpus.Material{{Name: "身份证"}, {Name: "户口簿"}}},
		{"a decimal is no number of an item", "1.缴费2.5元凭证；2.照片", []corpus.Material{{Name: "缴费2.5元凭证"}, {Name: "照片"}}},
		{"an item that begins with a number", "1.申请表；2.6个月内照片；3.2寸照片", []corpus.Material{{Name: "申请表"}, {Name: "6个月内照片"}, {Name: "2寸照片"}}},
		{"both kinds", "身份证原件及复印件各1份", []corpus.Material{{Name: "身份证", Kind: "原件和复印件", Copies: new(1)}}},
		{"either kind", "身份证（原件或复印件，必要）", []corpus.Material{{Name: "身份证", Kind: "原件或复印件", Need: "必要"}}},
		{"two counts", "身份证（原件1份，复印件2份）", []corpus.Material{{Name: "身份证", Kind: "原件和复印件", Note: "原件1份，复印件2份"}}},
		{"Chinese numerals", "申请表一式三份", []corpus.Material{{Name: "申请表", Copies: new(3)}}},
		{"a remark stays", "居民身份证（正反面）", []corpus.Material{{Name: "居民身份证（正反面）"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []corpus.Material
			for _, s := range splitMaterials(tt.in) {
				got = append(got, parseMaterial(s))
			}
			diff(t, tt.in, got, tt.want)
		})
	}
}

func TestParseBasis(t *testing.T) {
	got := parseBasis("1.《居民身份证法》（主席令第51号）第十一条：换领、补领……；\n2.《行政许可法》第四十二条第一款\n3.地方规定")
	diff(t, "basis", got, []corpus.Basis{
		{Name: "《居民身份证法》", Number: "主席令第51号", Article: "第十一条", Text: "换领、补领……"},
		{Name: "《行政许可法》", Article: "第四十二条第一款"},
		{Name: "地方规定"},
	})
}

func TestParseQAs(t *testing.T) {
	got := parseQAs("问：可以代办吗？\n答：可以。\n问：要钱吗？ 答：按规定收取。")
	diff(t, "qas", got, []corpus.QA{{Q: "可以代办吗？", A: "可以。"}, {Q: "要钱吗？", A: "按规定收取。"}})
	if got := parseQAs("请拨打12345"); got != nil {
		t.Errorf("prose was read as %v", got)
	}
}

func FuzzLimit(f *testing.F) {
	for _, s := range []string{"15个工作日", "即办", "20日（不含公示）", "十五个工作日", "<b>1</b>个月", "", "0", "\xff", "二十", "千日"} {
		f.Add(s, "工作日")
		f.Add(s, "")
	}
	f.Fuzz(func(t *testing.T, cell, unit string) {
		l, err := ParseLimit(cell, limitUnits[unit])
		switch {
		case l != nil && err != nil:
			t.Fatalf("%q gives %v and %v", cell, l, err)
		case l == nil:
			return
		case l.N == 0 != (l.Unit == "即办"):
			t.Fatalf("%q gives %+v: 0 and 即办 belong together", cell, l)
		}
		g := corpus.Guide{Matter: corpus.Matter{Code: "a", Name: "b"}, LegalLimit: l}
		if err := g.Validate(); err != nil && utf8.RuneCountInString(cell) < 1000 {
			t.Fatalf("%q gives %+v: %v", cell, l, err)
		}
		if l.N > 0 && !strings.ContainsAny(halfWidth(plainText(cell)), "0123456789一二两三四五六七八九十百千") {
			t.Fatalf("%q gives %+v out of nothing", cell, l)
		}
	})
}

func TestVisibilityColumns(t *testing.T) {
	s := readCSV(t, "标准问题,标准答案,可见范围\n谁接,转乙科,仅坐席\n几点开门,九点,公开\n内部的,秘密,领导可见\n", Options{})
	if q := s.rows[0].Record.(*corpus.FAQ); q.Visibility != corpus.VisibleOperator {
		t.Errorf("visibility %q", q.Visibility)
	}
	if q := s.rows[1].Record.(*corpus.FAQ); q.Visibility != corpus.VisiblePublic {
		t.Errorf("visibility %q", q.Visibility)
	}
	diff(t, "a value that nobody knows", fieldErrors(s.rows[2].Err), []string{"visibility"})
	s = readCSV(t, "事项编码,事项名称,内部口径,转派规则\nA1,甲,这样说,转乙科\nA2,丙,,\n", Options{})
	diff(t, "internal", s.rows[0].Record.(*corpus.Guide).Internal, &corpus.Internal{Wording: "这样说", Transfer: "转乙科"})
	if in := s.rows[1].Record.(*corpus.Guide).Internal; in != nil {
		t.Errorf("internal %+v of a row that says nothing", in)
	}
}
