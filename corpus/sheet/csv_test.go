package sheet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/govqa/govqa/corpus"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/simplifiedchinese"
	textunicode "golang.org/x/text/encoding/unicode"
)

const plain = "实施编码,事项名称,受理条件\nA1,身份证补领,\"年满16周岁，\n丢失证件\"\n\nA2,户口登记,无\n"

func TestCSVEncodings(t *testing.T) {
	encode := func(e encoding.Encoding) string {
		s, err := e.NewEncoder().String(plain)
		check(t, err)
		return s
	}
	tests := []struct{ name, text string }{
		{"UTF-8", plain},
		{"UTF-8 with a byte order mark", "\ufeff" + plain},
		{"GB18030", encode(simplifiedchinese.GB18030)},
		{"UTF-16 little endian", encode(textunicode.UTF16(textunicode.LittleEndian, textunicode.UseBOM))},
		{"UTF-16 big endian", encode(textunicode.UTF16(textunicode.BigEndian, textunicode.UseBOM))},
		{"tabs", strings.ReplaceAll(plain, ",", "\t")},
		{"semicolons", strings.ReplaceAll(plain, ",", ";")},
		{"a line that names the delimiter", "sep=,\n" + plain},
		{"line breaks of Windows", strings.ReplaceAll(plain, "\n", "\r\n")},
		{"line breaks of an old Mac", strings.ReplaceAll(plain, "\n", "\r")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := readCSV(t, tt.text, Options{})
			gs := guidesOf(t, s)
			if len(gs) != 2 {
				t.Fatalf("%d guides, want 2", len(gs))
			}
			diff(t, "condition", gs[0].Condition, "年满16周岁，\n丢失证件")
			diff(t, "rows", []int{s.rows[0].N, s.rows[1].N}, []int{2, 4})
			diff(t, "second", gs[1], &corpus.Guide{Matter: corpus.Matter{Code: "A2", Name: "户口登记"}})
		})
	}
}

func TestCSVWrongFiles(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
		says       string
	}{
		{"a workbook", "PK\x03\x04xxxx", ErrFormat, "xlsx"},
		{"an old workbook", "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1xxxx", ErrFormat, "xls"},
		{"a page", "<html><table></table></html>", ErrFormat, "网页"},
		{"binary", "a\x00b", ErrFormat, "不是文本文件"},
		{"nothing", " \n", ErrFormat, "空的"},
		{"no code", "事项名称,部门\n甲,乙\n", ErrHeader, "编码列"},
		{"no name", "实施编码,部门\n甲,乙\n", ErrHeader, "名称列"},
		{"the headers are listed", "甲列,乙列\n1,2\n", ErrHeader, "甲列、乙列"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ReadCSV(strings.NewReader(tt.text), Options{})
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error = %v, want %v that says %s", err, tt.want, tt.says)
			}
		})
	}
}

func TestCSVBrokenRows(t *testing.T) {
	tests := []struct {
		name, body string
		good       []string
		bad        []string // beginnings of the errors
	}{
		{"a quote that never closes costs one row", "A1,\"甲,x\nA2,乙,\nA3,丙,\n", []string{"A2", "A3"}, []string{"2: guide/"}},
		{"a quote that closes in a later word", "A1,\"甲,x\nA2,乙,\nA3,\"丙\",\n", []string{"A2", "A3"}, []string{"2: guide/"}},
		{"a quote inside a word", "A1,5\"屏,x\nA2,乙,\n", []string{"A1", "A2"}, nil},
		{"bytes that are not UTF-8", "A1,甲甲甲甲甲甲甲甲甲甲甲甲甲甲\xff,\nA2,乙乙乙乙乙乙乙乙乙,\n", []string{"A2"}, []string{"2: guide/"}},
		{"short and long rows", "A1,甲\nA2,乙,x,多\n", []string{"A1", "A2"}, nil},
		{"a page of an error saved as a row", "\"<html><body>502 Bad Gateway</body></html>\",,\nA2,乙,\n", []string{"A2"}, []string{"2: guide/"}},
		{"a code eaten by a spreadsheet", "1.24415E+30,甲,\nA2,乙,\n", []string{"A2"}, []string{"2: guide/"}},
		{"a number for a code", "1244150019672020000000000000000,甲,\nA2,乙,\n", []string{"A2"}, []string{"2: guide/"}},
		{"no code", ",甲,\nA2,乙,\n", []string{"A2"}, []string{"2: guide/：字段 code"}},
		{"no name", "A1,,x\nA2,乙,\n", []string{"A2"}, []string{"2: guide/A1：字段 name"}},
		{"notes below the table", "A1,甲,\n注：本表一式两份,,\n填表人：张三,,2026\n", []string{"A1"}, nil},
		{"the header once more", "A1,甲,\n实施编码,事项名称,受理条件\nA2,乙,\n", []string{"A1", "A2"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := readCSV(t, "实施编码,事项名称,受理条件\n"+tt.body, Options{})
			var good []string
			for _, r := range s.rows {
				if r.Record != nil {
					good = append(good, r.Record.Key().ID)
				}
			}
			diff(t, "accepted", good, tt.good)
			errs := s.errors()
			if len(errs) != len(tt.bad) {
				t.Fatalf("errors = %v, want %v", errs, tt.bad)
			}
			for i, e := range errs {
				if !strings.HasPrefix(e, tt.bad[i]) {
					t.Errorf("error %q, want %q…", e, tt.bad[i])
				}
			}
		})
	}
}

func TestCSVRaggedRowsAreReported(t *testing.T) {
	s := readCSV(t, "实施编码,事项名称,受理条件\nA1,甲\nA2,乙,x,多\n", Options{})
	if len(s.warnings) != 2 || s.warnings[0].Row != 2 || !strings.Contains(s.warnings[1].Why, "多") {
		t.Errorf("warnings = %v", s.warnings)
	}
}

func TestHeaders(t *testing.T) {
	tests := []struct{ name, text string }{
		{"marks of required columns", "*实施编码（必填）,★事项名称*,\"承诺办结\n时限\"\nA1,甲,8个工作日\n"},
		{"columns of the exchange table", "task_code,TASK_NAME,promise_day,promise_type\nA1,甲,8,工作日\n"},
		{"keys of the import format", "code,name,promisedLimit\nA1,甲,8个工作日\n"},
		{"numbered columns", "1.实施编码,2.事项名称,3.承诺期限\nA1,甲,8个工作日\n"},
		{"a title above", "政务服务事项清单,,\n填表单位：某局,,\n实施编码,事项名称,承诺时限\nA1,甲,8工作日\n"},
		{"the unit in the header", "实施编码,事项名称,承诺办结时限（工作日）\nA1,甲,8\n"},
		{"two rows", "实施编码,事项名称,承诺办结时限,\n,,时限,单位\nA1,甲,8,工作日\n"},
		{"full width", "ｔａｓｋ＿ｃｏｄｅ,事项　名称,承诺时限\nＡ１,甲,８个工作日\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g, s := oneGuide(t, tt.text)
			want := &corpus.Guide{Matter: corpus.Matter{Code: "A1", Name: "甲"}, PromisedLimit: limit(8, "工作日", "")}
			diff(t, "guide", g, want)
			if len(s.mappings) != 1 || len(s.mappings[0].Unknown) != 0 {
				t.Errorf("mappings = %+v, want one without unknown columns", s.mappings)
			}
		})
	}
}

func TestUnknownColumnsAreKeptAndReportedOnce(t *testing.T) {
	s := readCSV(t, "实施编码,事项名称,办件量,name2,steps\nA1,甲,12,x,\nA2,乙,13,,\n", Options{})
	gs := guidesOf(t, s)
	diff(t, "extra", string(gs[0].Extra["办件量"]), `"12"`)
	diff(t, "unknown", s.mappings[0].Unknown, []string{"办件量", "name2"})
	diff(t, "header row", s.mappings[0].Row, 1)
}

func TestOptionsColumns(t *testing.T) {
	s := readCSV(t, "流水,标题,备忘\nA1,甲,x\n", Options{Columns: map[string]string{"流水": "code", "标题": "name", "备忘": ""}})
	diff(t, "guide", guidesOf(t, s)[0], &corpus.Guide{Matter: corpus.Matter{Code: "A1", Name: "甲"}})
	_, err := ReadCSV(strings.NewReader(plain), Options{Columns: map[string]string{"流水": "nonsense"}})
	if !errors.Is(err, ErrOption) {
		t.Errorf("error = %v, want ErrOption", err)
	}
}

func TestMissingFeeIsNeverFree(t *testing.T) {
	no, yes := &corpus.Fee{Charged: new(false)}, &corpus.Fee{Charged: new(true)}
	amount := func(s string) *corpus.Fee { return &corpus.Fee{Items: []corpus.FeeItem{{Amount: s}}} }
	tests := []struct {
		charged, amount string
		want            *corpus.Fee
	}{
		{"", "", nil}, {"暂无", "", nil}, {"—", "", nil}, {"详见附件", "", nil}, {"", "无", nil}, {"", "暂无", nil}, {"大概", "", nil},
		{"无", "", no}, {"不收费", "", no}, {"否", "", no}, {"免费", "", no}, {"0", "", no}, {"否", "无", no}, {"否", "0元", no},
		{"是", "", yes}, {"√", "暂无", yes},
		{"", "20元/证", amount("20元/证")},
		{"", "不收费", amount("不收费")},
	}
	for _, tt := range tests {
		t.Run(tt.charged+"|"+tt.amount, func(t *testing.T) {
			g, _ := oneGuide(t, cells("是否收费", tt.charged, "收费标准", tt.amount))
			diff(t, "fee", g.Fee, tt.want)
		})
	}
}

func TestFreeWithAnAmountIsRejected(t *testing.T) {
	s := readCSV(t, cells("是否收费", "否", "收费标准", "20元"), Options{})
	diff(t, "fields", fieldErrors(s.rows[0].Err), []string{"fee"})
}

func TestGuideFields(t *testing.T) {
	tests := []struct {
		head, cell string
		got        func(*corpus.Guide) any
		want       any
		warns      bool
	}{
		{"是否支持预约", "支持", func(g *corpus.Guide) any { return g.Booking }, new(true), false},
		{"是否可代办", "×", func(g *corpus.Guide) any { return g.Agent }, new(false), false},
		{"是否物流快递", "看情况", func(g *corpus.Guide) any { return g.Express }, (*bool)(nil), true},
		{"是否物流快递", "暂无", func(g *corpus.Guide) any { return g.Express }, (*bool)(nil), false},
		{"事项类型", "01", func(g *corpus.Guide) any { return g.Kind }, "行政许可", false},
		{"权力类型", "公共服务事项", func(g *corpus.Guide) any { return g.Kind }, "公共服务", false},
		{"事项类型", "14", func(g *corpus.Guide) any { return g.Kind }, "", true},
		{"行使层级", "３", func(g *corpus.Guide) any { return g.Level }, "市级", false},
		{"行使层级", "县（区）级", func(g *corpus.Guide) any { return g.Level }, "县级", false},
		{"办件类型", "即审即办", func(g *corpus.Guide) any { return g.Process }, "即办件", false},
		{"project_type", "2", func(g *corpus.Guide) any { return g.Process }, "承诺件", false},
		{"服务对象", "1,2", func(g *corpus.Guide) any { return g.Audience }, []corpus.Audience{corpus.Person, corpus.Enterprise}, false},
		{"申请主体", "自然人、事业法人", func(g *corpus.Guide) any { return g.Audience }, []corpus.Audience{corpus.Person, corpus.Institution}, false},
		{"user_topic_type", "010，085", func(g *corpus.Guide) any { return g.Themes }, []corpus.Theme{"户籍办理", "社会保障"}, false},
		{"corp_topic_type", "170", func(g *corpus.Guide) any { return g.Themes }, []corpus.Theme{"档案文物"}, false},
		{"主题分类", "户籍办理；证件办理", func(g *corpus.Guide) any { return g.Themes }, []corpus.Theme{"户籍办理", "证件办理"}, false},
		{"通办范围", "2", func(g *corpus.Guide) any { return g.Scope }, "全省", false},
		{"区划", "440106", func(g *corpus.Guide) any { return g.Region }, corpus.Region{Code: "440106"}, false},
		{"区县", "天河区", func(g *corpus.Guide) any { return g.Region }, corpus.Region{Name: "天河区"}, false},
		{"跑动次数", "最多1次", func(g *corpus.Guide) any { return g.Visits }, new(1), false},
		{"到现场次数", "0次", func(g *corpus.Guide) any { return g.Visits }, new(0), false},
		{"到现场次数", "无", func(g *corpus.Guide) any { return g.Visits }, (*int)(nil), false},
		{"handle_type", "1,2", func(g *corpus.Guide) any { return g.Channel }, "窗口办理、网上办理", false},
		{"咨询电话", "０７５５－１２３４５（工作日）", func(g *corpus.Guide) any { return g.Contact }, "0755-12345（工作日）", false},
		{"在线办理地址", "网址：https://a.example/x?b=1&amp;c=2", func(g *corpus.Guide) any { return g.OnlineURL }, "https://a.example/x?b=1&c=2", false},
		{"在线办理地址", "请到窗口", func(g *corpus.Guide) any { return g.OnlineURL }, "", true},
		{"办理流程", "申请→受理→办结", func(g *corpus.Guide) any { return g.Steps }, []string{"申请", "受理", "办结"}, false},
		{"办理地点", "和风路1号", func(g *corpus.Guide) any { return g.Places }, []corpus.Place{{Address: "和风路1号"}}, false},
		{"更新日期", "2026年6月30日", func(g *corpus.Guide) any { return g.Source.Updated }, "2026-06-30", false},
		{"申请材料", "1.身份证（原件1份）", func(g *corpus.Guide) any { return g.Materials }, []corpus.Material{{Name: "身份证", Kind: "原件", Copies: new(1)}}, false},
		{"申请材料", "详见附件", func(g *corpus.Guide) any { return g.Materials }, []corpus.Material(nil), false},
	}
	for _, tt := range tests {
		t.Run(tt.head+" "+tt.cell, func(t *testing.T) {
			g, s := oneGuide(t, cells(tt.head, tt.cell))
			diff(t, "value", tt.got(g), tt.want)
			if (len(s.warnings) > 0) != tt.warns || (len(g.Extra) > 0) != tt.warns {
				t.Errorf("warnings %v, extra %v; want them: %v", s.warnings, g.Extra, tt.warns)
			}
		})
	}
}

func TestRejectedFields(t *testing.T) {
	tests := []struct{ head, cell, field string }{
		{"法定时限", "法定20个工作日，承诺5个", "legalLimit"},
		{"承诺时限", "20", "promisedLimit"},
		{"服务对象", "火星人", "audience"},
		{"更新日期", "去年", "source.updated"},
		{"跑动次数", "若干", "visits"},
		{"区划代码", "44", "region.code"},
	}
	for _, tt := range tests {
		t.Run(tt.head+" "+tt.cell, func(t *testing.T) {
			s := readCSV(t, cells(tt.head, tt.cell), Options{})
			diff(t, "fields", fieldErrors(s.rows[0].Err), []string{tt.field})
		})
	}
}

func TestLimitUnits(t *testing.T) {
	text := "task_code,task_name,anticipate_day,anticipate_type\nA1,甲,20,1\n"
	s := readCSV(t, text, Options{})
	diff(t, "unit code without a table", fieldErrors(s.rows[0].Err), []string{"legalLimit"})
	s = readCSV(t, text, Options{LimitUnits: map[string]string{"1": "工作日"}})
	diff(t, "unit code with one", guidesOf(t, s)[0].LegalLimit, limit(20, "工作日", ""))
}

func TestRowsOfOneCode(t *testing.T) {
	const head = "实施编码,事项名称,主题分类,受理条件,材料名称,份数\n"
	tests := []struct {
		name, body string
		materials  [][]string // per guide
		themes     [][]corpus.Theme
	}{
		{"a material a row", "A1,甲,x,c,身份证,1\nA1,甲,x,c,照片,2\n", [][]string{{"身份证", "照片"}}, [][]corpus.Theme{{"x"}}},
		{"merged cells undone", "A1,甲,x,c,身份证,1\n,,,,照片,2\nA2,乙,x,,照片,1\n", [][]string{{"身份证", "照片"}, {"照片"}}, [][]corpus.Theme{{"x"}, {"x"}}},
		{"neighbours that differ in theme", "A1,甲,x,c,身份证,1\nA1,甲,y,c,身份证,1\n", [][]string{{"身份证"}}, [][]corpus.Theme{{"x", "y"}}},
		{"rows far apart that differ in theme", "A1,甲,x,c,身份证,1\nA2,乙,x,,,\nA1,甲,y,c,身份证,1\n", [][]string{{"身份证"}, nil}, [][]corpus.Theme{{"x", "y"}, {"x"}}},
		{"rows that differ are left to the store", "A1,甲,x,c,身份证,1\nA1,甲,x,d,身份证,1\n", [][]string{{"身份证"}, {"身份证"}}, [][]corpus.Theme{{"x"}, {"x"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var materials [][]string
			var themes [][]corpus.Theme
			for _, g := range guidesOf(t, readCSV(t, head+tt.body, Options{})) {
				var names []string
				for _, m := range g.Materials {
					names = append(names, m.Name)
				}
				materials, themes = append(materials, names), append(themes, g.Themes)
			}
			diff(t, "materials", materials, tt.materials)
			diff(t, "themes", themes, tt.themes)
		})
	}
}

func TestFAQFields(t *testing.T) {
	text := "标准问题,相似问法,回复,事项编码\n身份证丢了怎么办,\"证件丢失；补办身份证\n丢证\",请补领。,A1\n暂住证？,,暂无,\n"
	s := readCSV(t, text, Options{})
	q := s.rows[0].Record.(*corpus.FAQ)
	diff(t, "faq", q, &corpus.FAQ{Type: corpus.TypeFAQ, ID: faqID("身份证丢了怎么办", "A1"), Question: "身份证丢了怎么办",
		Similar: []string{"证件丢失", "补办身份证", "丢证"}, Answer: "请补领。", Matter: "A1"})
	diff(t, "answer missing", fieldErrors(s.rows[1].Err), []string{"answer"})
	if faqID("可以代办吗", "A1") == faqID("可以代办吗", "A2") {
		t.Error("one question of two matters has one id")
	}
	again := readCSV(t, text, Options{})
	diff(t, "id when read again", again.rows[0].Record.Key(), q.Key())
}

// onlyReader hides that a reader can seek.
type onlyReader struct{ io.Reader }

func TestStreamWithoutSeeking(t *testing.T) {
	rows, err := ReadCSV(onlyReader{strings.NewReader(plain)}, Options{})
	check(t, err)
	if n := len(slices.Collect(rows)); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
}

func TestReaderErrorEndsTheRows(t *testing.T) {
	broken := errors.New("disk gone")
	in := io.MultiReader(strings.NewReader(plain+strings.Repeat("A3,x,\n", 40_000)), errReader{broken})
	rows, err := ReadCSV(in, Options{})
	check(t, err)
	var last corpus.Row
	for last = range rows {
	}
	if last.N != 0 || !errors.Is(last.Err, broken) {
		t.Errorf("last row = %+v, want the reader's error with N 0", last)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func FuzzCSV(f *testing.F) {
	f.Add([]byte(plain))
	f.Add([]byte("实施编码,事项名称,承诺时限,材料名称,份数,是否收费\nA1,甲,8,\"1.a;2.b\",1,否\n,,,c,x,\n"))
	f.Add([]byte("标准问,相似问,答案\n甲,乙;丙,丁\n"))
	f.Add([]byte("实施编码\t事项名称\t设定依据\t常见问题\nA1\t<p>甲\t《a》（b号）第一条\t问：1答：2\n"))
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(plain))
	check(f, err)
	f.Add(gb)
	f.Fuzz(func(t *testing.T, data []byte) {
		s := new(seen)
		rows, err := ReadCSV(bytes.NewReader(data), s.options(Options{}))
		if err != nil {
			return
		}
		s.draw(t, rows)
	})
}
